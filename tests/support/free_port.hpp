#pragma once

namespace signalbox::test {

/// Of 127.0.0.1, chosen by the kernel. Somebody else may take it until it is listened on.
int free_port();

}  // namespace signalbox::test
