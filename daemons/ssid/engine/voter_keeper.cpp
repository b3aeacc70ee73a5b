#include "daemons/ssid/engine/voter_keeper.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <format>
#include <utility>

#include "lib/common/json_message.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

/// Outside of the prefix that is watched: nobody but the keepers needs to know.
constexpr auto kStepKey = "ssi/engine/v1/voters/step";
constexpr auto kLostPrefix = "ssi/engine/v1/voters/lost/";

/// etcd adds nobody until all voters have been connected for five seconds. A learner that waits so long before it makes
/// their number even is followed by the next at once: an even number of voters is the weaker one.
constexpr auto kSettling = 5500ms;
/// A step that was decided on longer ago is decided on anew.
constexpr auto kStepValid = 3s;
constexpr auto kSoon = 200ms;
/// What goes wrong for so long is worth a line in the journal; etcd's own refusals last five seconds.
constexpr auto kPatience = 10s;
/// A learner's etcd has so long to start; then another member is asked, and this one not for so long.
constexpr auto kVoterComesUp = 60s;
constexpr auto kPassedOver = 600s;

std::string name_of(const VoterStep& step) {
    if (step.voter == VoterKind::kWitness) return kWitnessName;
    return step.member.empty() ? std::format("voter {:x}", step.id) : step.member.str();
}

std::string text_of(const VoterStep& step) {
    const auto name = name_of(step);
    switch (step.kind) {
        case VoterStep::Kind::kAddLearner:
            return std::format("{} is to become a voter of the engine, and begins to learn", name);
        case VoterStep::Kind::kPromote:
            return std::format("{} has learnt all, and votes in the engine", name);
        case VoterStep::Kind::kRemove:
            break;
    }
    return std::format("{} is no voter of the engine any more", name);
}

/// Seats that were told to be lost: "{"v":1,"seat":"ID"}" at lost/MEMBER.
bool is_told_lost(const Snapshot& marks, const Seat& seat) {
    return std::ranges::any_of(marks.entries, [&](const KeyValue& entry) {
        if (!entry.key.starts_with(kLostPrefix)) return false;
        const auto mark = json::parse(entry.value, entry.key);
        return mark && json::text_or(*mark, "seat", "") == std::to_string(seat.id);
    });
}

}  // namespace

std::string name_of(const Seat& seat) {
    return seat.kind == VoterKind::kWitness ? std::string(kWitnessName) : seat.member.str();
}

std::vector<Seat> seats_of(const std::vector<gateway::Voter>& list, const SystemConfig& config) {
    std::vector<Seat> seats;
    for (const auto& voter : list) {
        Seat seat{voter.id, VoterKind::kForeign, {}, voter.is_learner, !voter.client_urls.empty()};
        for (const auto& url : voter.peer_urls) {
            const auto text = voter_of_peer_url(url);
            if (text == kWitnessName) seat.kind = VoterKind::kWitness;
            const auto name = MemberName::parse(text.value_or(""));
            if (!name || config.find(*name) == nullptr) continue;
            seat.kind = VoterKind::kMember;
            seat.member = *name;
        }
        seats.push_back(std::move(seat));
    }
    return seats;
}

VoterKeeper::VoterKeeper(const SystemConfig& config, MemberName own, EtcdEngine& engine, EtcdDirector& director,
                         Clock& clock, const boost::asio::any_io_executor& executor, std::filesystem::path run)
    : config_(config),
      own_(std::move(own)),
      engine_(engine),
      director_(director),
      clock_(clock),
      run_(std::move(run)),
      born_(clock.now()),
      looked_(executor) {}

awaitable<void> VoterKeeper::run() {
    looking_ = true;
    co_await start();
    looking_ = false;
    looked_.notify();
    while (true) {
        const bool again = co_await look();
        co_await clock_.sleep(again ? std::chrono::milliseconds(kSoon) : 2 * config_.timing.beat);
    }
}

awaitable<void> VoterKeeper::start() {
    const auto begun = director_.has_begun();
    const auto own = director_.lineage();
    if (!begun || !own || !*begun) co_return;  // the first look tells what is wrong
    std::uint64_t newest = 0;
    if (newest_lineage) newest = co_await newest_lineage();
    if (newest <= *own) {
        report(co_await director_.bring_up());
        co_return;
    }
    log::warning(std::format("the engine was recovered by force without this member (lineage {}, here {}): its data is "
                             "of no more use, and it joins anew",
                             newest, *own),
                 {{"SSI_MEMBER", own_.str()}});
}

void VoterKeeper::report(const Result<void>& done) {
    const auto before = std::exchange(trouble_, done ? std::nullopt : std::optional(done.error()));
    if (!trouble_ || !before || before->what != trouble_->what) {
        trouble_since_ = clock_.now();
        warned_ = false;
    }
    if (!trouble_ || warned_ || clock_.now() - trouble_since_ < kPatience) return;
    log::warning("the engine's voters", *trouble_);
    warned_ = true;
}

/// Nobody serves, and no etcd was ever started here: the cluster begins. Others that have begun already, whom this
/// member joins instead, are given the time to become reachable after a boot.
awaitable<void> VoterKeeper::begin() {
    const bool waits = config_.members.size() > 1 && clock_.now() - born_ < config_.timing.silence;
    if (waits || idle_) co_return;
    const auto done = co_await director_.bring_up();
    report(done);
    idle_ = done && !is_voter(config_, own_);
}

awaitable<void> VoterKeeper::pause() {
    paused_ = true;
    while (looking_) co_await looked_.wait_after(looked_.count());
}

void VoterKeeper::resume() {
    paused_ = false;
}

awaitable<bool> VoterKeeper::look() {
    if (paused_) co_return false;
    looking_ = true;
    const bool again = co_await look_once();
    looking_ = false;
    looked_.notify();
    co_return again;
}

awaitable<bool> VoterKeeper::look_once() {
    const auto list = co_await engine_.voters();
    if (!list) {
        const auto begun = director_.has_begun();
        if (!begun) report(std::unexpected(begun.error()));
        if (begun && !*begun) co_await begin();
        co_return false;
    }
    idle_ = false;
    seats_ = seats_of(*list, config_);
    std::vector<std::filesystem::path> endpoints;
    for (const auto& seat : seats_)
        if (seat.kind == VoterKind::kMember && !seat.is_learner)
            endpoints.push_back(client_socket(own_, seat.member, run_));
    engine_.prefer(endpoints);
    watch_learners();

    auto followed = co_await follow(*list);
    const auto acted = co_await act();
    report(followed && !acted ? Result<void>(std::unexpected(acted.error())) : followed);
    co_return acted && *acted;
}

void VoterKeeper::watch_learners() {
    const auto now = clock_.now();
    std::erase_if(learners_, [&](const auto& known) {
        return std::ranges::none_of(seats_,
                                    [&](const Seat& seat) { return seat.id == known.first && seat.is_learner; });
    });
    for (const auto& seat : seats_) {
        if (!seat.is_learner) continue;
        auto& learner = learners_.try_emplace(seat.id, now, seat.is_started).first->second;
        if (learner.is_started != seat.is_started) learner = {now, seat.is_started};
        if (seat.is_started || now - learner.since < kVoterComesUp || passed_over_.contains(seat.member)) continue;
        passed_over_[seat.member] = now + kPassedOver;
        log::warning(std::format("etcd of {} does not come up: another becomes a voter in its place", name_of(seat)),
                     {{"SSI_MEMBER", name_of(seat)}});
    }
    std::erase_if(passed_over_, [&](const auto& member) { return member.second <= now; });
}

std::vector<VoterCandidate> VoterKeeper::fit(std::vector<VoterCandidate> members) const {
    for (auto& member : members) {
        const bool votes = std::ranges::any_of(
            seats_, [&](const Seat& seat) { return !seat.is_learner && seat.member == member.name; });
        if (!votes && passed_over_.contains(member.name)) member.standing = VoterStanding::kUnknown;
    }
    return members;
}

awaitable<Result<void>> VoterKeeper::follow(const std::vector<gateway::Voter>& list) {
    const auto lineage = co_await read_lineage(list);
    if (!lineage) co_return std::unexpected(lineage.error());
    const auto seat = co_await director_.settle(list, *lineage);
    if (!seat) co_return std::unexpected(seat.error());
    if (std::exchange(own_seat_, *seat) == *seat || *seat != OwnSeat::kLost) co_return Result<void>{};
    const auto own = std::ranges::find_if(
        seats_, [&](const Seat& other) { return other.kind == VoterKind::kMember && other.member == own_; });
    auto told = co_await tell_lost(own->id);
    if (!told) own_seat_ = OwnSeat::kNone;  // told again
    co_return told;
}

awaitable<Result<std::uint64_t>> VoterKeeper::read_lineage(const std::vector<gateway::Voter>& list) {
    const bool joins = std::ranges::any_of(list, [&](const gateway::Voter& voter) {
        return voter.is_learner && std::ranges::contains(voter.peer_urls, peer_url(own_.str()));
    });
    if (!joins) co_return 0;
    const auto entry = co_await engine_.read(kLineageKey);
    if (!entry) co_return std::unexpected(entry.error());
    if (entry->entries.empty()) co_return 0;
    const auto object = json::parse(entry->entries.front().value, kLineageKey);
    if (!object) co_return std::unexpected(object.error());
    co_return json::unsigned_number(*object, "lineage");
}

awaitable<Result<void>> VoterKeeper::tell_lost(std::uint64_t id) {
    const auto value = boost::json::serialize(json::Object{{"v", 1}, {"seat", std::to_string(id)}});
    Transaction tell{{}, {{kLostPrefix + own_.str(), value}}};
    const auto told = co_await engine_.commit(std::move(tell));
    if (!told) co_return std::unexpected(told.error());
    log::error("this member's data of the engine is gone: its seat is given up, and it joins anew",
               {{"SSI_MEMBER", own_.str()}});
    co_return Result<void>{};
}

awaitable<Result<std::vector<Seat>>> VoterKeeper::read_seats() {
    const auto marks = co_await engine_.read(kLostPrefix);
    if (!marks) co_return std::unexpected(marks.error());
    const auto list = co_await engine_.voters();
    if (!list) co_return std::unexpected(list.error());
    auto seats = seats_of(*list, config_);
    for (auto& seat : seats) seat.is_lost = is_told_lost(*marks, seat);
    co_return seats;
}

bool VoterKeeper::is_ripe(const VoterStep& step) const {
    const auto voters = std::ranges::count_if(seats_, [](const Seat& seat) { return !seat.is_learner; });
    if (step.kind != VoterStep::Kind::kPromote || voters % 2 == 0) return true;
    const auto known = learners_.find(step.id);
    return known != learners_.end() && known->second.is_started && clock_.now() - known->second.since >= kSettling;
}

awaitable<Result<bool>> VoterKeeper::act() {
    if (!facts || !facts()) co_return false;
    const auto begun = clock_.now();
    // Whoever moves this key on decided on what was true after it was read, so that of two who think that they act for
    // all only one does.
    const auto turn = co_await engine_.read(kStepKey);
    if (!turn) co_return std::unexpected(turn.error());
    const auto seats = co_await read_seats();
    if (!seats) co_return std::unexpected(seats.error());
    const auto known = facts();
    if (!known) co_return false;
    // A witness that does not come up must not keep a member from its seat.
    auto witness = known->witness;
    if (witness == VoterStanding::kLive && passed_over_.contains(MemberName{})) witness = VoterStanding::kUnknown;
    const auto step = plan_voters({fit(known->members), *seats, witness});
    if (!step || !is_ripe(*step)) co_return false;
    const auto modified = turn->entries.empty() ? Revision{0} : turn->entries.front().modified;
    const auto value = boost::json::serialize(json::Object{{"v", 1}, {"by", own_.str()}, {"step", text_of(*step)}});
    Transaction take_turn{{{kStepKey, modified}}, {{kStepKey, value}}};
    const auto taken = co_await engine_.commit(std::move(take_turn));
    if (!taken) co_return std::unexpected(taken.error());
    if (!taken->committed || clock_.now() - begun > kStepValid) co_return true;
    if (auto done = co_await carry_out(*step); !done) co_return std::unexpected(done.error());
    log::notice(text_of(*step), {{"SSI_MEMBER", name_of(*step)}});
    co_return true;
}

awaitable<Result<void>> VoterKeeper::carry_out(const VoterStep& step) {
    switch (step.kind) {
        case VoterStep::Kind::kAddLearner:
            co_return co_await engine_.add_learner(peer_url(name_of(step)));
        case VoterStep::Kind::kPromote:
            co_return co_await engine_.promote(step.id);
        case VoterStep::Kind::kRemove:
            break;
    }
    co_return co_await engine_.remove(step.id);
}

}  // namespace ssi::cluster
