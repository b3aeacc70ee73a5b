#pragma once
/// What isfcd itself did to an adapter, so that it undoes that and nothing else, also after its own restart.

#include <filesystem>
#include <set>

#include "lib/common/error.hpp"

namespace ssi::isfc {

/// In the order in which they are done; undone in reverse.
enum class CtcAct { kGrouped, kOnline, kAddress, kUp };

/// Kept in a file below /run: a reboot undoes everything by itself. A file that cannot be read counts as empty: what is
/// not known to be ours is left alone.
class CtcRecord {
  public:
    explicit CtcRecord(std::filesystem::path file);

    [[nodiscard]] bool has(CtcAct act) const { return acts_.contains(act); }
    /// Makes the file's directory if need be. Error: kSystemFailed; the act counts all the same until the process ends.
    [[nodiscard]] Result<void> add(CtcAct act);
    /// Forgets the act and all that rest on it.
    [[nodiscard]] Result<void> remove_from(CtcAct act);

  private:
    [[nodiscard]] Result<void> save() const;
    std::filesystem::path file_;
    std::set<CtcAct> acts_;
};

}  // namespace ssi::isfc
