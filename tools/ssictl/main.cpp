#include <unistd.h>

#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "tools/ssictl/ssictl.hpp"

int main(int count, char** arguments) try {
    return ssi::ctl::run(std::vector<std::string>(arguments + 1, arguments + count), std::cin, std::cout, std::cerr, {},
                         ::isatty(STDOUT_FILENO) == 1);
} catch (const std::exception& exception) {
    std::cerr << "ssictl: " << exception.what() << '\n';
    return 1;
}
