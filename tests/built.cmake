# Read by ctest before the tests. Without it ctest finds nothing in a tree that is configured and not
# built, when it is asked for some of the tests, and calls that a success.
set(any_built FALSE)
foreach(binary IN LISTS TEST_BINARIES)
  if(EXISTS "${binary}")
    set(any_built TRUE)
  endif()
endforeach()
if(NOT any_built)
  message(FATAL_ERROR "no test is built yet: `make test` builds and runs all of them, "
                      "`cmake --build ${BUILD_DIR}` only builds")
endif()
