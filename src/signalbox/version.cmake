# Writes OUTPUT from version.hpp.in with VERSION and REVISION; asks git for an empty REVISION.
if(NOT REVISION)
  execute_process(COMMAND git rev-parse --short=12 HEAD WORKING_DIRECTORY ${SOURCE_DIR}
                  OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
configure_file(${SOURCE_DIR}/version.hpp.in ${OUTPUT} @ONLY)
