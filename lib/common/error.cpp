#include "lib/common/error.hpp"

#include <cstring>
#include <format>
#include <utility>

namespace ssi {

std::string code_text(ErrorCode code) {
    return std::format("SSI-{:04}", std::to_underlying(code));
}

std::string Error::text() const {
    auto line = std::format("{} {}", code_text(code), what);
    if (!remedy.empty()) line += std::format(" ({})", remedy);
    return line;
}

std::unexpected<Error> failure(ErrorCode code, std::string what, std::string object, std::string remedy) {
    return std::unexpected(Error{code, std::move(what), std::move(object), std::move(remedy)});
}

std::unexpected<Error> system_failure(std::string what, std::string object, int error_number) {
    return failure(ErrorCode::kSystemFailed, std::format("{}: {}", what, std::strerror(error_number)),
                   std::move(object));
}

std::unexpected<Error> file_failure(std::string_view what, const std::string& file, const std::error_code& error) {
    return system_failure(std::format("cannot {} {}", what, file), file, error.value());
}

}  // namespace ssi
