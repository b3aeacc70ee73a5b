// What an administrator asks of the DefinitionKeeper, with an answer: put and adopt.

#include <chrono>
#include <format>
#include <utility>

#include "daemons/ssid/guests/definition_keeper.hpp"
#include "daemons/ssid/guests/domain_xml.hpp"
#include "daemons/ssid/state/directory_rules.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

constexpr auto kHeldPatience = 10s;  // For another's work on the same guest.

}  // namespace

awaitable<Result<std::uint64_t>> DefinitionKeeper::put(std::string xml, std::optional<std::uint64_t> base,
                                                       OperatorWord change) {
    const auto guest = guest_named_in(xml);
    if (!guest) co_return std::unexpected(guest.error());
    auto held = co_await hold(*guest);
    if (!held) co_return std::unexpected(held.error());
    if (const auto* entry = view_.state().directory_entry(*guest)) {
        auto complete = with_uuid(xml, entry->uuid);
        if (!complete) co_return std::unexpected(complete.error());
        xml = *std::move(complete);
    }
    if (auto checked = check_base(view_.state(), *guest, base); !checked) co_return std::unexpected(checked.error());
    const auto before = co_await store_.find(*guest);
    if (!before) co_return std::unexpected(before.error());
    auto defined = co_await store_.define(std::move(xml), Schema::kChecked);
    if (!defined) co_return std::unexpected(defined.error());
    auto version = co_await commit(*std::move(defined), base, std::move(change));
    if (!version) co_await put_back(*guest, *before);
    co_return version;
}

awaitable<void> DefinitionKeeper::put_back(GuestName guest, Local before) {
    Result<void> done;
    if (before)
        done = (co_await store_.define(before->xml, Schema::kTrusted)).transform([](const auto&) {});
    else
        done = co_await store_.undefine(guest);
    if (!done) log::warning(std::format("guest {} is not defined as it was before", guest.str()), done.error());
}

awaitable<Result<std::uint64_t>> DefinitionKeeper::adopt(GuestName guest, OperatorWord change) {
    auto held = co_await hold(guest);
    if (!held) co_return std::unexpected(held.error());
    auto local = co_await store_.find(guest);
    if (!local) co_return std::unexpected(local.error());
    if (!*local)
        co_return failure(ErrorCode::kGuestUnknown,
                          std::format("libvirt on this member defines no guest {}", guest.str()), guest.str(),
                          "ssictl directory list --not-adopted shows those that can be adopted");
    if ((*local)->is_active && view_.state().residency(guest) == nullptr)
        co_return failure(
            ErrorCode::kGuestBusy,
            std::format("guest {} runs since before this member was in the cluster, past its doors", guest.str()),
            guest.str(), "shut it down, adopt it, and start it again");
    co_return co_await commit(**std::move(local), 0, std::move(change));
}

std::vector<GuestName> DefinitionKeeper::not_adopted() const {
    std::vector<GuestName> guests;
    for (const auto& [guest, known] : known_.all())
        if (known.version == 0) guests.push_back(guest);
    return guests;
}

awaitable<Result<DefinitionKeeper::Hold>> DefinitionKeeper::hold(GuestName guest) {
    if (!may_work())
        co_return failure(
            ErrorCode::kMemberNotJoined,
            std::format("{} is not Joined with a majority, so the directory was not changed", membership_.own().str()),
            membership_.own().str(), "ssictl query ssi shows why; wait, or ask another member");
    const auto deadline = clock_.now() + kHeldPatience;
    while (held_.contains(guest)) {
        if (clock_.now() >= deadline)
            co_return failure(ErrorCode::kTimedOut, std::format("another change of guest {} is under way", guest.str()),
                              guest.str());
        co_await clock_.wait_change(poked_, poked_.count(), 100ms);
    }
    co_return Hold(*this, std::move(guest));
}

}  // namespace ssi::cluster
