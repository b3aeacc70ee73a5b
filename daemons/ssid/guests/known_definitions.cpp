#include "daemons/ssid/guests/known_definitions.hpp"

#include <boost/json/serialize.hpp>
#include <utility>

#include "lib/common/durable_file.hpp"
#include "lib/common/json_message.hpp"

namespace ssi::cluster {
namespace {

constexpr std::size_t kLargest = 64 << 20;

Result<KnownDefinition> read_known(const json::Object& object) {
    auto version = json::unsigned_number(object, "version");
    if (!version) return std::unexpected(version.error());
    auto digest = json::text(object, "digest");
    if (!digest) return std::unexpected(digest.error());
    return KnownDefinition{*version, *std::move(digest), json::text_or(object, "directory_digest", ""),
                           json::boolean_or(object, "was_moved", false)};
}

}  // namespace

Result<bool> KnownDefinitions::load() {
    const auto text = read_if_exists(file_);
    if (!text) return std::unexpected(text.error());
    if (!*text) return false;
    const auto object = json::parse(**text, file_.string(), kLargest);
    if (!object) return std::unexpected(object.error());
    const auto guests = json::object(*object, "guests");
    if (!guests) return std::unexpected(guests.error());
    std::map<GuestName, KnownDefinition> read;
    for (const auto& entry : *guests) {
        auto name = GuestName::parse(std::string_view(entry.key()));
        if (!name) return std::unexpected(name.error());
        auto known = entry.value().is_object()
                         ? read_known(entry.value().get_object())
                         : failure(ErrorCode::kProtocolViolated, "what is known of a guest is no object", name->str());
        if (!known) return std::unexpected(known.error());
        read.emplace(*std::move(name), *std::move(known));
    }
    known_ = std::move(read);
    is_changed_ = false;
    return true;
}

Result<void> KnownDefinitions::save() {
    if (!is_changed_) return {};
    json::Object guests;
    for (const auto& [guest, known] : known_)
        guests.emplace(guest.str(), json::Object{{"version", known.version},
                                                 {"digest", known.digest},
                                                 {"directory_digest", known.directory_digest},
                                                 {"was_moved", known.was_moved}});
    const json::Object object{{"v", 1}, {"guests", std::move(guests)}};
    if (auto written = write_durably(file_, boost::json::serialize(object)); !written) return written;
    is_changed_ = false;
    return {};
}

std::optional<KnownDefinition> KnownDefinitions::find(const GuestName& guest) const {
    const auto found = known_.find(guest);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void KnownDefinitions::set(const GuestName& guest, KnownDefinition known) {
    const auto [place, is_new] = known_.try_emplace(guest);
    if (!is_new && place->second == known) return;
    place->second = std::move(known);
    is_changed_ = true;
}

void KnownDefinitions::forget(const GuestName& guest) {
    if (known_.erase(guest) > 0) is_changed_ = true;
}

}  // namespace ssi::cluster
