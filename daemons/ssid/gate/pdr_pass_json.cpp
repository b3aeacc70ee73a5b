#include "daemons/ssid/gate/pdr_pass_json.hpp"

#include <boost/json/array.hpp>
#include <utility>

namespace ssi::gate {
namespace {

/// The boot stays with the guards, who compare it.
Result<cluster::RecordedVerdict> verdict_from_json(const json::Object& object) {
    auto member = json::text(object, "member").and_then(MemberName::parse);
    const auto by = json::number(object, "by").and_then(MemberSlot::from);
    const auto incarnation = json::unsigned_number(object, "incarnation");
    const auto counter = json::unsigned_number(object, "counter");
    const auto run = json::unsigned_number(object, "run");
    const auto proof = json::unsigned_number(object, "proof");
    if (!member) return std::unexpected(member.error());
    if (!by) return std::unexpected(by.error());
    if (!incarnation) return std::unexpected(incarnation.error());
    if (!counter) return std::unexpected(counter.error());
    if (!run) return std::unexpected(run.error());
    if (!proof) return std::unexpected(proof.error());
    pdr::Verdict verdict;
    verdict.member = *std::move(member);
    verdict.incarnation = Incarnation{*incarnation};
    verdict.counter = *counter;
    verdict.run = *run;
    verdict.proof = static_cast<pdr::ProofKind>(*proof);
    return cluster::RecordedVerdict{*by, std::move(verdict)};
}

Result<cluster::SlotSign> slot_from_json(const json::Object& object) {
    auto member = json::text(object, "member").and_then(MemberName::parse);
    const auto incarnation = json::unsigned_number(object, "incarnation");
    const auto counter = json::unsigned_number(object, "counter");
    if (!member) return std::unexpected(member.error());
    if (!incarnation) return std::unexpected(incarnation.error());
    if (!counter) return std::unexpected(counter.error());
    const auto kind = json::text_or(object, "watchdog_kind", "");
    cluster::SlotSign sign{*std::move(member), Incarnation{*incarnation}, *counter};
    sign.lease = std::chrono::milliseconds(json::number_or(object, "lease_ms", 0));
    sign.watchdog = std::chrono::milliseconds(json::number_or(object, "watchdog_ms", 0));
    for (const auto known : {pdr::WatchdogKind::kSoft, pdr::WatchdogKind::kHardware})
        if (kind == text_of(known)) sign.watchdog_kind = known;
    sign.armed = json::boolean_or(object, "armed", false);
    sign.lone = json::boolean_or(object, "lone", false);
    sign.serves_witness = json::boolean_or(object, "witness_serving", false);
    return sign;
}

}  // namespace

json::Object to_json(const cluster::PdrPass& pass) {
    boost::json::array slots;
    for (const auto& slot : pass.slots)
        slots.emplace_back(json::Object{{"member", slot.member.str()},
                                        {"incarnation", std::to_underlying(slot.incarnation)},
                                        {"counter", slot.counter},
                                        {"lease_ms", slot.lease.count()},
                                        {"watchdog_ms", slot.watchdog.count()},
                                        {"watchdog_kind", text_of(slot.watchdog_kind)},
                                        {"armed", slot.armed},
                                        {"lone", slot.lone},
                                        {"witness_serving", slot.serves_witness}});
    boost::json::array verdicts;
    for (const auto& [by, verdict] : pass.verdicts)
        verdicts.emplace_back(json::Object{{"by", by.number()},
                                           {"member", verdict.member.str()},
                                           {"incarnation", std::to_underlying(verdict.incarnation)},
                                           {"counter", verdict.counter},
                                           {"run", verdict.run},
                                           {"proof", std::to_underlying(verdict.proof)}});
    json::Object said{{"v", 1},
                      {"event", kPdrPassEvent},
                      {"fresh", pass.fresh},
                      {"fault", pass.fault},
                      {"volume", pass.volume},
                      {"slots", std::move(slots)},
                      {"verdicts", std::move(verdicts)}};
    if (pass.read) said.emplace("read_ms", pass.read->time_since_epoch().count());
    return said;
}

Result<cluster::PdrPass> pdr_pass_from_json(const json::Object& object) {
    const auto fresh = json::boolean(object, "fresh");
    if (!fresh) return std::unexpected(fresh.error());
    const auto* list = object.if_contains("slots");
    if (list == nullptr || !list->is_array())
        return failure(ErrorCode::kProtocolViolated, "a pass over the PDR has no slots", "slots");
    cluster::PdrPass pass{*fresh, {}, json::text_or(object, "fault", "")};
    // A guard of an earlier version knows of one volume only.
    pass.volume = json::unsigned_number(object, "volume").value_or(0);
    // Nor does it say when it read.
    if (const auto read = json::number(object, "read_ms")) pass.read = BootTime(std::chrono::milliseconds(*read));
    for (const auto& value : list->get_array()) {
        auto slot = slot_from_json(value.is_object() ? value.get_object() : json::Object());
        if (!slot) return std::unexpected(slot.error());
        pass.slots.push_back(*std::move(slot));
    }
    // A guard of an earlier version reads none.
    if (const auto* said = object.if_contains("verdicts"); said != nullptr && said->is_array())
        for (const auto& value : said->get_array()) {
            auto verdict = verdict_from_json(value.is_object() ? value.get_object() : json::Object());
            if (!verdict) return std::unexpected(verdict.error());
            pass.verdicts.push_back(*std::move(verdict));
        }
    return pass;
}

}  // namespace ssi::gate
