# signalbox_precompile_headers(TARGET): has the library's headers that handlers include precompiled for
# TARGET, which links signalbox::signalbox. Reading them is more than half of what a file of a service
# takes to compile without optimisation, so it is for the developer's loop. A file that forgets an
# #include compiles, too, so other builds are made without it.
function(signalbox_precompile_headers target)
  target_precompile_headers(${target} PRIVATE
    <signalbox/application.hpp> <signalbox/async/all.hpp> <signalbox/async/sleep.hpp>
    <signalbox/db/pool.hpp> <signalbox/http/response.hpp>)
endfunction()
