#pragma once

namespace signalbox::process {

/// Has the allocator (glibc's, mallopt(3)) give large blocks back to the kernel as soon as they are
/// freed, where memory is scarce. By itself it keeps them for the next ones of their size, up to 32
/// MiB each, and then smaller ones come to lie in between, so that the process does not shrink
/// again after clients have filled it. Costs the kernel's work for each block of 128 KiB or more.
///
/// To be called before there are other threads. Does nothing for any other allocator.
void give_freed_memory_back();

}  // namespace signalbox::process
