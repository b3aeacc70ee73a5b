#include "tools/ssictl/pdr_documents.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <chrono>
#include <format>
#include <memory>
#include <thread>
#include <utility>

#include "lib/common/pdr/contents.hpp"
#include "lib/common/pdr/lock.hpp"
#include "lib/common/pdr/verdict.hpp"
#include "lib/common/system_config.hpp"
#include "tools/ssictl/document_cells.hpp"
#include "tools/ssictl/table.hpp"

namespace ssi::ctl {
namespace {

/// The volume, and the cluster that wants it.
struct Opened {
    SystemConfig config;
    pdr::ClusterIdentity cluster;
    std::unique_ptr<pdr::DirectDisk> disk;
};

Result<Opened> open(const PdrPlace& place, pdr::DiskAccess access) {
    auto config = load_system_config(place.config);
    if (!config) return std::unexpected(config.error());
    const auto device = place.device.empty() ? config->pdr.device : place.device;
    if (device.empty())
        return failure(ErrorCode::kConfigInvalid, std::format("{} names no PDR", place.config.string()),
                       place.config.string(), "add [pdr] with device = \"/dev/disk/by-id/...\", or give --device");
    const auto uuid = GuestUuid::parse(config->cluster_uuid);
    if (!uuid) return std::unexpected(uuid.error());
    auto disk = pdr::DirectDisk::open(device, access);
    if (!disk) return std::unexpected(disk.error());
    pdr::ClusterIdentity cluster{config->cluster, pdr::cluster_id(*uuid)};
    return Opened{*std::move(config), std::move(cluster), *std::move(disk)};
}

std::string time_text(std::int64_t seconds) {
    return std::format("{:%FT%TZ}", std::chrono::sys_seconds(std::chrono::seconds(seconds)));
}

json::Object describe(const pdr::Label& label, const pdr::ClusterId& cluster) {
    return {{"cluster", label.cluster},
            {"uuid", pdr::text_of(cluster)},
            {"generation", label.generation},
            {"witness_areas", label.witness_areas},
            {"formatted", time_text(label.formatted_at)}};
}

json::Object describe(int slot, const pdr::SlotSign& sign) {
    const auto& record = sign.record;
    return {{"slot", slot},
            {"member", record.member.str()},
            {"incarnation", std::to_underlying(record.incarnation)},
            {"counter", sign.counter},
            {"lease_ms", record.lease.count()},
            {"watchdog", pdr::text_of(record.watchdog_kind)},
            {"watchdog_ms", record.watchdog.count()},
            {"armed", record.armed},
            {"lone", record.lone},
            {"ssid_ok", record.ssid_ok},
            {"engine_ok", record.engine_ok},
            {"witness_serving", record.witness_serving},
            {"down", record.down}};
}

json::Object describe(const pdr::LockParty& party) {
    return {{"slot", party.slot.number()},
            {"member", party.member.str()},
            {"incarnation", std::to_underlying(party.incarnation)}};
}

json::Object describe(const pdr::LockRecord& lock) {
    json::Object document{{"generation", lock.generation}, {"witness", nullptr}, {"data", nullptr}};
    document["fencing"] = nullptr;
    if (lock.witness) document["witness"] = describe(*lock.witness);
    if (lock.data) document["data"] = lock.data->number();
    if (lock.fencing)
        document["fencing"] =
            json::Object{{"by", describe(lock.fencing->by)}, {"target", describe(lock.fencing->target)}};
    document["text"] = pdr::text_of(lock);
    return document;
}

/// The lock as it was decided last; null when it cannot be read, which `faults` then says.
boost::json::value describe_lock(pdr::Disk& disk, const pdr::ClusterId& cluster, boost::json::array& faults) {
    const auto reading = pdr::read_locks(disk, cluster);
    if (!reading) {
        faults.emplace_back(reading.error().what);
        return nullptr;
    }
    for (const auto& fault : reading->torn) faults.emplace_back(fault.what);
    return describe(pdr::latest_decision(reading->blocks));
}

boost::json::value describe_verdicts(pdr::Disk& disk, const pdr::ClusterId& cluster, boost::json::array& faults) {
    const auto read = pdr::read_verdicts(disk, cluster);
    if (!read) {
        faults.emplace_back(read.error().what);
        return nullptr;
    }
    if (read->fault) faults.emplace_back(read->fault->what);
    boost::json::array verdicts;
    for (int slot = 1; slot <= pdr::kSlots; ++slot)
        for (const auto& verdict : read->by[static_cast<std::size_t>(slot - 1)])
            verdicts.emplace_back(json::Object{{"slot", slot},
                                               {"member", verdict.member.str()},
                                               {"incarnation", std::to_underlying(verdict.incarnation)},
                                               {"counter", verdict.counter},
                                               {"proof", pdr::text_of(verdict.proof)}});
    return verdicts;
}

/// Label, slots, verdicts and lock of whatever cluster's PDR it is; `faults` takes what is wrong.
Result<json::Object> describe(const Opened& volume, boost::json::array& faults) {
    const auto found = pdr::inspect(*volume.disk);
    if (!found) return std::unexpected(found.error());
    json::Object document{{"v", 1}, {"device", volume.disk->name()}, {"size", volume.disk->size()}};
    document["label"] = nullptr;
    document["lock"] = nullptr;
    document["verdicts"] = nullptr;
    boost::json::array slots;
    if (found->label) {
        document["label"] = describe(*found->label, found->cluster);
        if (found->label_damaged) faults.emplace_back("the label cannot be read; its copy can");
        if (found->copy_damaged) faults.emplace_back("the copy of the label is not as the label");
        if (found->label->volume_size > volume.disk->size())
            faults.emplace_back("the volume is smaller than it was when it was formatted");
        const auto read = pdr::read_slots(*volume.disk, found->cluster);
        if (!read) return std::unexpected(read.error());
        for (std::size_t i = 0; i < read->size(); ++i) {
            const auto& [sign, fault] = (*read)[i];
            if (sign) slots.emplace_back(describe(static_cast<int>(i) + 1, *sign));
            if (fault) faults.emplace_back(fault->what);
        }
        document["verdicts"] = describe_verdicts(*volume.disk, found->cluster, faults);
        document["lock"] = describe_lock(*volume.disk, found->cluster, faults);
    }
    document["slots"] = std::move(slots);
    return document;
}

/// Slots whose counter moves while we look are those of living members.
Result<void> nobody_writes(pdr::Disk& disk, std::chrono::milliseconds watch) {
    const auto found = pdr::inspect(disk);
    if (!found) return std::unexpected(found.error());
    if (!found->label) return {};
    const auto before = pdr::read_slots(disk, found->cluster);
    if (!before) return std::unexpected(before.error());
    if (std::ranges::none_of(*before, [](const auto& slot) { return slot.sign || slot.fault; })) return {};
    std::this_thread::sleep_for(watch);  // no event tells of another host's write
    const auto after = pdr::read_slots(disk, found->cluster);
    if (!after) return std::unexpected(after.error());
    for (std::size_t i = 0; i < before->size(); ++i) {
        const auto& sign = (*after)[i].sign;
        if (!sign || ((*before)[i].sign && (*before)[i].sign->counter == sign->counter)) continue;
        return failure(ErrorCode::kPdrForeign,
                       std::format("{} of cluster {} is writing to {} now", sign->record.member.str(),
                                   found->label->cluster, disk.name()),
                       disk.name(), "stop ssi-guard on all its members first");
    }
    return {};
}

std::string yes_or_dash(const json::Object& object, std::string_view field) {
    return json::boolean_or(object, field, false) ? "yes" : "-";
}

}  // namespace

Result<json::Object> format_pdr(const PdrPlace& place, bool force) {
    const auto volume = open(place, pdr::DiskAccess::kReadWrite);
    if (!volume) return std::unexpected(volume.error());
    if (auto quiet = nobody_writes(*volume->disk, 4 * volume->config.timing.beat); !quiet)
        return std::unexpected(quiet.error());
    auto contents = pdr::contents_of(volume->disk->name());
    if (!contents) return std::unexpected(contents.error());
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    const auto label = pdr::format(*volume->disk, volume->cluster,
                                   {.force = force, .contents = *std::move(contents), .now = now.count()});
    if (!label) return std::unexpected(label.error());
    return show_pdr(place);
}

Result<json::Object> show_pdr(const PdrPlace& place) {
    const auto volume = open(place, pdr::DiskAccess::kRead);
    if (!volume) return std::unexpected(volume.error());
    boost::json::array faults;
    return describe(*volume, faults);
}

Result<json::Object> check_pdr(const PdrPlace& place) {
    const auto volume = open(place, pdr::DiskAccess::kRead);
    if (!volume) return std::unexpected(volume.error());
    if (auto label = pdr::check_label(*volume->disk, volume->cluster); !label) return std::unexpected(label.error());
    boost::json::array faults;
    auto document = describe(*volume, faults);
    if (!document) return document;
    for (const auto& slot : (*document)["slots"].as_array()) {
        const auto number = slot.at("slot").to_number<int>();
        const auto& name = slot.at("member").as_string();
        const auto member = std::ranges::find(volume->config.members, number,
                                              [](const MemberConfig& one) { return one.slot.number(); });
        if (member == volume->config.members.end())
            faults.emplace_back(
                std::format("slot {} is {}'s, but no member of system.toml has it", number, std::string_view(name)));
        else if (member->name.str() != std::string_view(name))
            faults.emplace_back(std::format("slot {} is {}'s, but {}'s in system.toml", number, std::string_view(name),
                                            member->name.str()));
    }
    (*document)["faults"] = std::move(faults);
    return document;
}

Result<std::string> render_pdr(const json::Object& document) {
    const auto device = json::text(document, "device");
    if (!device) return std::unexpected(device.error());
    const auto* label = document.if_contains("label");
    if (label == nullptr || !label->is_object()) return printable(*device) + " is no PDR volume\n";
    auto text = printable(std::format("{}: PDR of cluster {} ({}), {} witness areas, formatted {}", *device,
                                      text_of(label->get_object(), "cluster"), text_of(label->get_object(), "uuid"),
                                      number_of(label->get_object(), "witness_areas"),
                                      text_of(label->get_object(), "formatted"))) +
                "\n";
    const auto slots = entries(document, "slots");
    if (!slots) return std::unexpected(slots.error());
    using Align = Table::Align;
    Table table({{"SLOT", Align::kRight},
                 {"MEMBER"},
                 {"INCARNATION", Align::kRight},
                 {"COUNTER", Align::kRight},
                 {"LEASE", Align::kRight},
                 {"WATCHDOG"},
                 {"ARMED"},
                 {"LONE"},
                 {"DOWN"}});
    for (const auto& slot : *slots)
        table.add({number_of(slot, "slot"), text_of(slot, "member"), number_of(slot, "incarnation"),
                   number_of(slot, "counter"),
                   std::format("{:.1f} s", static_cast<double>(json::number_or(slot, "lease_ms", 0)) / 1000),
                   text_of(slot, "watchdog"), yes_or_dash(slot, "armed"), yes_or_dash(slot, "lone"),
                   yes_or_dash(slot, "down")});
    const auto* lock = document.if_contains("lock");
    const auto state = lock != nullptr && lock->is_object() ? text_of(lock->get_object(), "text") : "cannot be read";
    text += table.empty() ? "no member has written yet\n" : table.text();
    if (const auto verdicts = entries(document, "verdicts"))
        for (const auto& verdict : *verdicts)
            text += printable(std::format("verdict, recorded by slot {}: {} (incarnation {}) is off by the word of {}",
                                          number_of(verdict, "slot"), text_of(verdict, "member"),
                                          number_of(verdict, "incarnation"), text_of(verdict, "proof"))) +
                    "\n";
    return text + printable("lock: " + state) + "\n";
}

Result<std::string> render_pdr_check(const json::Object& document) {
    auto text = render_pdr(document);
    if (!text) return text;
    const auto* faults = document.if_contains("faults");
    if (faults == nullptr || !faults->is_array() || faults->get_array().empty()) return *text + "no faults\n";
    for (const auto& fault : faults->get_array())
        if (fault.is_string()) *text += "FAULT: " + printable(std::string_view(fault.get_string())) + "\n";
    return text;
}

std::size_t faults_in(const json::Object& document) {
    const auto* faults = document.if_contains("faults");
    return faults != nullptr && faults->is_array() ? faults->get_array().size() : 0;
}

}  // namespace ssi::ctl
