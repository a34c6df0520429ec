#include <iostream>

#include "version.hpp"

int main() {
    std::cout << "signalbox " << signalbox::version << '\n';
}
