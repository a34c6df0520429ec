# What makes a fault in memory end the process where it would be made use of. For the library and, as
# its usage requirement, for every service that links it. Not under a sanitizer, which sees the same
# faults and more. Off only to measure what it costs.
option(SIGNALBOX_HARDENING "Stack protectors, checks of bounds, read-only tables of functions" ON)
function(signalbox_harden target)
  set(flags "${CMAKE_CXX_FLAGS}")
  if(CMAKE_BUILD_TYPE)
    string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
    string(APPEND flags " ${CMAKE_CXX_FLAGS_${type}}")
  endif()
  if(NOT SIGNALBOX_HARDENING OR SIGNALBOX_SANITIZERS OR flags MATCHES "-fsanitize=")
    return()
  endif()
  # The bounds of containers, views and optionals.
  target_compile_definitions(${target} PUBLIC _GLIBCXX_ASSERTIONS)
  target_compile_options(${target} PUBLIC -fstack-protector-strong -fstack-clash-protection)
  # Of calls into libc the sizes. It means nothing without optimization, and warns of that: a target
  # that has none says so by the property SIGNALBOX_UNOPTIMIZED.
  set(optimized $<AND:$<CONFIG:Release,RelWithDebInfo,MinSizeRel>,$<NOT:$<BOOL:$<TARGET_PROPERTY:SIGNALBOX_UNOPTIMIZED>>>>)
  target_compile_options(${target} PUBLIC $<${optimized}:-U_FORTIFY_SOURCE>
                                          $<${optimized}:-D_FORTIFY_SOURCE=3>)
  # Jumps and returns go only where the program means them to go, on processors that can tell.
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64|i.86)$")
    target_compile_options(${target} PUBLIC -fcf-protection)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    target_compile_options(${target} PUBLIC -mbranch-protection=standard)
  endif()
  # Functions of other libraries are looked up at the start, and their table is read-only from then on.
  target_link_options(${target} PUBLIC LINKER:-z,relro,-z,now,-z,noexecstack)
endfunction()
