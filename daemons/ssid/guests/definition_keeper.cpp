#include "daemons/ssid/guests/definition_keeper.hpp"

#include <chrono>
#include <format>
#include <ranges>
#include <utility>

#include "daemons/ssid/guests/domain_xml.hpp"
#include "daemons/ssid/state/directory_rules.hpp"
#include "lib/common/config/shared.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;
using Step = DefinitionPlan::Step;

constexpr auto kLookAgain = 1s;     // Whether this member is Joined: no event tells.
constexpr auto kFailedAgain = 10s;  // What libvirt refused.
constexpr auto kEndPatience = 5s;   // For the end of a guest that is undefined: it was often destroyed just before.

std::int64_t seconds_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
}

void tell(const GuestName& guest, const std::string& what) {
    log::notice(std::format("guest {}: {}", guest.str(), what), {{"SSI_GUEST", guest.str()}});
}

}  // namespace

DefinitionKeeper::DefinitionKeeper(const Membership& membership, ClusterView& view, DefinitionStore& store,
                                   const Places& places, Clock& clock, const boost::asio::any_io_executor& executor)
    : membership_(membership),
      view_(view),
      store_(store),
      known_(places.known),
      kept_(places.kept),
      clock_(clock),
      poked_(executor) {
    const auto look_at = [this](const GuestName& guest) {
        due_.insert(guest);
        poke();
    };
    store_.on_defined = [this, look_at](const GuestName& guest) {
        undefined_.erase(guest);
        look_at(guest);
    };
    store_.on_undefined = [this, look_at](const GuestName& guest) {
        undefined_.insert(guest);
        look_at(guest);
    };
    store_.on_unknown = [this] {
        looks_at_all_ = true;
        poke();
    };
}

bool DefinitionKeeper::may_work() const {
    return membership_.life() && membership_.has_majority() && view_.is_loaded();
}

OperatorWord DefinitionKeeper::word_of_virsh(std::string why) const {
    return {membership_.own(), "virsh", std::move(why), seconds_now()};
}

awaitable<void> DefinitionKeeper::run() {
    const auto loaded = known_.load();
    if (!loaded) log::error("which guests this member shares with the directory is forgotten", loaded.error());
    // Without it nobody can tell a guest that was deleted elsewhere from one that was defined here.
    is_first_ = !loaded || !*loaded;
    while (true) {
        const auto seen = poked_.count();
        if (is_first_) co_await remember_what_was_here();
        if (!is_first_ && may_work()) co_await settle_all();
        co_await clock_.wait_change(poked_, seen, kLookAgain);
    }
}

/// At once, not when this member is Joined: what is defined from then on is meant for the cluster.
awaitable<void> DefinitionKeeper::remember_what_was_here() {
    const auto all = co_await store_.all();
    if (!all) {
        log::warning("which guests were here before the cluster is not known yet", all.error());
        co_await clock_.sleep(kLookAgain);
        co_return;
    }
    for (const auto& local : *all) remember(local.name, 0, local.xml, "");
    is_first_ = false;
    save();
}

awaitable<Result<void>> DefinitionKeeper::survey() {
    looks_at_all_ = false;
    const auto all = co_await store_.all();
    if (!all) {
        looks_at_all_ = true;
        co_return std::unexpected(all.error());
    }
    for (const auto& local : *all) due_.insert(local.name);
    for (const auto& guest : known_.all() | std::views::keys) due_.insert(guest);
    co_return Result<void>{};
}

/// Between what is remembered and the directory; what libvirt has is looked at one by one.
void DefinitionKeeper::find_differences() {
    const auto& state = view_.state();
    for (const auto& [guest, entry] : state.directory()) {
        const auto known = known_.find(guest);
        if (entry.value.version > 0 && (!known || known->version != entry.value.version)) due_.insert(guest);
    }
    for (const auto& [guest, known] : known_.all())
        if (known.version > 0 && state.directory_entry(guest) == nullptr) due_.insert(guest);
    for (const auto& [guest, residency] : state.residencies()) {
        const auto& relocation = residency.value.relocation;
        auto known = known_.find(guest);
        if (!relocation || relocation->to != membership_.life() || !known || known->was_moved) continue;
        known->was_moved = true;
        known_.set(guest, *std::move(known));
        due_.insert(guest);
    }
}

awaitable<void> DefinitionKeeper::settle_all() {
    if (looks_at_all_)
        if (const auto surveyed = co_await survey(); !surveyed) {
            log::warning("the guests of this member cannot be held against the directory", surveyed.error());
            co_await clock_.sleep(kLookAgain);
            co_return;
        }
    find_differences();
    for (const auto& guest : std::exchange(due_, {})) {
        const auto failed = failures_.find(guest);
        const bool waits = failed != failures_.end() && clock_.now() < failed->second.again;
        if (waits || held_.contains(guest)) {
            due_.insert(guest);
            continue;
        }
        held_.insert(guest);
        const auto settled = co_await settle(guest);
        held_.erase(guest);
        note(guest, settled);
    }
    save();
}

/// One that goes on failing is told once.
void DefinitionKeeper::note(const GuestName& guest, const Result<void>& settled) {
    if (settled) {
        failures_.erase(guest);
        return;
    }
    auto& failure = failures_[guest];
    if (std::exchange(failure.what, settled.error().what) != settled.error().what)
        log::warning(std::format("guest {}: its definition here is not the directory's yet", guest.str()),
                     settled.error());
    failure.again = clock_.now() + kFailedAgain;
    due_.insert(guest);
}

DefinitionFacts DefinitionKeeper::facts_of(const GuestName& guest, const Local& local) const {
    const auto& state = view_.state();
    DefinitionFacts facts;
    if (local) facts.local = {local->uuid, sha256_text(local->xml)};
    facts.known = known_.find(guest);
    facts.was_undefined = undefined_.contains(guest);
    if (const auto* entry = state.directory_entry(guest))
        facts.entry = {entry->uuid, sha256_text(entry->xml), entry->version};
    if (const auto* deletion = state.deletion(guest)) facts.deleted_as = deletion->version;
    if (const auto* residency = state.residency(guest); residency != nullptr && residency->relocation)
        facts.is_relocating = residency->home == membership_.life() || residency->relocation->to == membership_.life();
    return facts;
}

awaitable<Result<void>> DefinitionKeeper::settle(GuestName guest) {
    auto local = co_await store_.find(guest);
    if (!local) co_return std::unexpected(local.error());
    co_return co_await carry_out(guest, plan_definition(facts_of(guest, *local)), *std::move(local));
}

awaitable<Result<void>> DefinitionKeeper::carry_out(GuestName guest, DefinitionPlan plan, Local local) {
    if (plan.is_conflict) {
        const auto* entry = view_.state().directory_entry(guest);
        const auto why = entry == nullptr
                             ? std::string("the guest is not in the directory any more")
                             : std::format("version {} of the directory, by {} at {}, is not what it was made from",
                                           entry->version, entry->change.who, entry->change.at.str());
        if (auto kept = keep_aside(*local, why); !kept) co_return kept;
    }
    if (plan.step != Step::kPublishDeletion && plan.step != Step::kWait) {
        ending_since_.erase(guest);
        undefined_.erase(guest);
    }
    switch (plan.step) {
        case Step::kNothing:
            break;
        case Step::kWait:
            due_.insert(guest);
            break;
        case Step::kRemember:
            remember(guest, view_.state().directory_entry(guest)->version, local->xml, local->xml);
            break;
        case Step::kForget:
            known_.forget(guest);
            break;
        case Step::kDefine:
            co_return co_await define(guest, false);
        case Step::kReplace:
            co_return co_await define(guest, true);
        case Step::kUndefine:
            co_return co_await undefine(guest);
        case Step::kPublish:
            co_return co_await publish(*std::move(local));
        case Step::kPublishDeletion:
            co_return co_await publish_deletion(guest);
    }
    co_return Result<void>{};
}

awaitable<Result<void>> DefinitionKeeper::define(GuestName guest, bool replaces) {
    const auto* found = view_.state().directory_entry(guest);
    if (found == nullptr) co_return Result<void>{};
    const auto entry = *found;
    if (replaces)
        if (auto removed = co_await store_.undefine(guest); !removed) co_return removed;
    const auto defined = co_await store_.define(entry.xml, Schema::kTrusted);
    if (!defined) co_return std::unexpected(defined.error());
    remember(guest, entry.version, defined->xml, entry.xml);
    tell(guest, std::format("version {} of the directory, by {} at {}, is defined here", entry.version,
                            entry.change.who, entry.change.at.str()));
    co_return Result<void>{};
}

awaitable<Result<void>> DefinitionKeeper::undefine(GuestName guest) {
    if (auto removed = co_await store_.undefine(guest); !removed) co_return removed;
    known_.forget(guest);
    tell(guest, "it is in the directory no more, and undefined here");
    co_return Result<void>{};
}

awaitable<Result<std::uint64_t>> DefinitionKeeper::commit(LocalDefinition local, std::optional<std::uint64_t> base,
                                                          OperatorWord change) {
    auto definition = parse_domain_xml(local.xml);
    if (!definition) co_return std::unexpected(definition.error());
    DefinitionChange wanted{local.name, 0, std::move(definition->record)};
    wanted.definition.change = std::move(change);
    std::uint64_t version = 0;
    const auto committed = co_await view_.commit([&](const ClusterState& state) {
        const auto* entry = state.directory_entry(local.name);
        const auto current = entry == nullptr ? 0 : entry->version;
        wanted.base = base.value_or(current);
        auto decided = decide_define(state, wanted);
        version = decided && !decided->writes.empty() ? next_version(state, local.name) : current;
        return decided;
    });
    if (!committed) co_return std::unexpected(committed.error());
    remember(local.name, version, local.xml, local.xml);
    save();
    co_return version;
}

awaitable<Result<void>> DefinitionKeeper::publish(LocalDefinition local) {
    const auto guest = local.name;
    const auto known = known_.find(guest);
    const auto base = known ? known->version : 0;
    const auto version = co_await commit(local, base, word_of_virsh(base == 0 ? "define" : "edit"));
    if (version) {
        tell(guest, std::format("what was defined here is version {} of the directory", *version));
        co_return Result<void>{};
    }
    const auto code = version.error().code;
    if (code == ErrorCode::kDefinitionChanged) {
        due_.insert(guest);
        poke();
        co_return Result<void>{};
    }
    if (code != ErrorCode::kGuestUuidDiffers && code != ErrorCode::kDefinitionInvalid)
        co_return std::unexpected(version.error());
    if (auto kept = keep_aside(local, version.error().what); !kept) co_return kept;
    if (view_.state().directory_entry(guest) != nullptr) co_return co_await define(guest, false);
    co_return co_await undefine(guest);
}

awaitable<Result<void>> DefinitionKeeper::publish_deletion(GuestName guest) {
    const auto base = known_.find(guest)->version;
    const auto said = word_of_virsh("undefine");
    const auto deleted =
        co_await view_.commit([&](const ClusterState& state) { return decide_undefine(state, guest, base, said); });
    if (deleted || deleted.error().code == ErrorCode::kGuestUnknown) {
        ending_since_.erase(guest);
        undefined_.erase(guest);
        known_.forget(guest);
        if (deleted) tell(guest, "it was undefined here, and is in the directory no more");
        co_return Result<void>{};
    }
    if (deleted.error().code == ErrorCode::kDefinitionChanged) {
        due_.insert(guest);
        poke();
        co_return Result<void>{};
    }
    if (deleted.error().code != ErrorCode::kGuestBusy) co_return std::unexpected(deleted.error());
    const auto since = ending_since_.try_emplace(guest, clock_.now()).first->second;
    if (clock_.now() - since < kEndPatience) {
        due_.insert(guest);
        co_return Result<void>{};
    }
    ending_since_.erase(guest);
    undefined_.erase(guest);
    log::warning(std::format("guest {} was undefined here, and is defined again", guest.str()), deleted.error());
    co_return co_await define(guest, false);
}

Result<void> DefinitionKeeper::keep_aside(const LocalDefinition& local, const std::string& why) {
    // What comes after it may fail, and is tried again.
    auto digest = sha256_text(local.xml);
    if (const auto before = aside_.find(local.name); before != aside_.end() && before->second == digest) return {};
    const auto kept = kept_.keep(local.name, local.xml, why, seconds_now());
    if (!kept) return std::unexpected(kept.error());
    aside_[local.name] = std::move(digest);
    log::warning(std::format("guest {}: what was defined here was not taken", local.name.str()),
                 Error{ErrorCode::kDefinitionChanged, why, local.name.str(),
                       std::format("it is kept in {}; ssictl directory conflicts", kept->file.string())});
    return {};
}

void DefinitionKeeper::remember(const GuestName& guest, std::uint64_t version, const std::string& xml,
                                const std::string& directory_xml) {
    known_.set(guest, {version, sha256_text(xml), sha256_text(directory_xml), false});
}

void DefinitionKeeper::save() {
    if (const auto saved = known_.save(); !saved)
        log::warning("an edit that is made while ssid is down may be taken for a conflict", saved.error());
}

}  // namespace ssi::cluster
