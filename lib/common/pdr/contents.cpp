#include "lib/common/pdr/contents.hpp"

#include <blkid/blkid.h>

#include <format>
#include <memory>

namespace ssi::pdr {
namespace {

std::string value(blkid_probe probe, const char* name) {
    const char* data = nullptr;
    return blkid_probe_lookup_value(probe, name, &data, nullptr) == 0 ? data : "";
}

}  // namespace

Result<std::string> contents_of(const std::filesystem::path& disk) {
    const std::unique_ptr<blkid_struct_probe, decltype(&blkid_free_probe)> probe(
        blkid_new_probe_from_filename(disk.c_str()), blkid_free_probe);
    if (!probe)
        return failure(ErrorCode::kPdrUnreadable, std::format("cannot look at {}", disk.string()), disk.string(),
                       "check the path; as an ordinary user: sudo");
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
    blkid_probe_enable_partitions(probe.get(), 1);
    if (blkid_do_fullprobe(probe.get()) != 0) return "";
    if (const auto type = value(probe.get(), "TYPE"); !type.empty()) {
        const auto label = value(probe.get(), "LABEL");
        return label.empty() ? type : std::format("{} '{}'", type, label);
    }
    const auto table = value(probe.get(), "PTTYPE");
    return table.empty() ? "" : std::format("a partition table ({})", table);
}

}  // namespace ssi::pdr
