#include <iostream>
#include <variant>

#include "command_line.hpp"

int main(int argc, char** argv) {
    const auto parsed = signalbox::parse_command_line(argc, argv, signalbox::process_environment());
    if (const auto* exit = std::get_if<signalbox::EarlyExit>(&parsed)) {
        (exit->status == 0 ? std::cout : std::cerr) << exit->text;
        return exit->status;
    }
}
