#include "daemons/isfcd/driver/ctc_record.hpp"

#include <array>
#include <cerrno>
#include <format>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

namespace ssi::isfc {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::pair<CtcAct, std::string_view>, 4> kWords{
    {{CtcAct::kGrouped, "grouped"}, {CtcAct::kOnline, "online"}, {CtcAct::kAddress, "address"}, {CtcAct::kUp, "up"}}};

}  // namespace

CtcRecord::CtcRecord(fs::path file) : file_(std::move(file)) {
    std::ifstream stream(file_);
    for (std::string word; stream >> word;)
        for (const auto& [act, name] : kWords)
            if (name == word) acts_.insert(act);
}

Result<void> CtcRecord::add(CtcAct act) {
    if (!acts_.insert(act).second) return {};
    return save();
}

Result<void> CtcRecord::remove_from(CtcAct act) {
    const auto first = acts_.lower_bound(act);
    if (first == acts_.end()) return {};
    acts_.erase(first, acts_.end());
    return save();
}

Result<void> CtcRecord::save() const {
    std::error_code error;
    if (acts_.empty()) {
        fs::remove(file_, error);
    } else {
        fs::create_directories(file_.parent_path(), error);
        if (!error) {
            std::ofstream stream(file_);
            for (const auto& [act, name] : kWords)
                if (acts_.contains(act)) stream << name << '\n';
            if (!stream.flush()) error.assign(errno, std::system_category());
        }
    }
    if (error) return system_failure(std::format("write {}", file_.string()), file_.string(), error.value());
    return {};
}

}  // namespace ssi::isfc
