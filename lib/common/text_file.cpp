#include "lib/common/text_file.hpp"

#include <array>
#include <fstream>

namespace ssi {

std::optional<std::string> read_text_file(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string text;
    std::array<char, 4096> part;
    do {
        stream.read(part.data(), part.size());
        text.append(part.data(), static_cast<std::size_t>(stream.gcount()));
    } while (stream);
    if (!stream.eof()) return std::nullopt;  // not opened, or a fault on the way
    return text;
}

}  // namespace ssi
