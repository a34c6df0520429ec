#pragma once

namespace signalbox::process {

/// Makes standard input, output and error fit to be written to, whatever the process was started
/// with. To be called before anything else is opened.
///
/// Each that is closed becomes /dev/null: else the next file or socket gets its number, and what is
/// printed goes there. That a reader of one is gone (SIGPIPE), or that a file may not grow any more
/// (SIGXFSZ), is an error of that write from then on, and not the end of the process.
///
/// Returns whether standard output was open. Throws std::system_error when there is no /dev/null to
/// open.
bool prepare_standard_streams();

}  // namespace signalbox::process
