#include "lib/common/config/kept_config.hpp"

#include <format>
#include <utility>

#include "lib/common/durable_file.hpp"
#include "lib/common/log.hpp"

namespace ssi {
namespace {

/// `name`: of the file that is spoken of, whichever it is read from.
Result<KeptConfig::Start> read(const std::filesystem::path& file, const std::filesystem::path& name,
                               std::string_view member) {
    auto text = read_config_text(file);
    if (!text) return std::unexpected(text.error());
    auto document = parse_config_document(*text, name.string());
    if (!document) return std::unexpected(document.error());
    auto own = own_member(document->config, member);
    if (!own) return std::unexpected(own.error());
    return KeptConfig::Start{*std::move(document), *std::move(own), *std::move(text), std::nullopt};
}

}  // namespace

Result<KeptConfig::Start> KeptConfig::load(std::string_view member) const {
    auto start = read(file_, file_, member);
    if (start) return start;
    auto kept = read(copy_, file_, member);
    if (!kept) return start;
    log::error(
        std::format("{} cannot be used: starting with what was used before; mend it before this host boots again",
                    file_.string()),
        start.error());
    kept->fault = std::move(start).error();
    return kept;
}

void KeptConfig::keep(std::string_view text) const {
    if (auto kept = write_durably(copy_, text); !kept)
        log::warning(std::format("no copy of {} is kept", file_.string()), kept.error());
}

}  // namespace ssi
