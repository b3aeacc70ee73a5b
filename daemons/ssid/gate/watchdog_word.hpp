#pragma once
/// What this member's slot says of its watchdog, and whether the others can have read it (SAFETY 11, 13 b).

namespace ssi::gate {

/// Who has it said; ssi-guard's slot on the PDR, or a test's.
class WatchdogNotice {
  public:
    virtual ~WatchdogNotice() = default;
    /// What the slot says from its next write on.
    virtual void announce(bool armed) = 0;
    /// The slot was read back to say "not armed", and still does: nobody counts on a reset of this host.
    [[nodiscard]] virtual bool is_withdrawn() const = 0;
};

/// Pure: from what was said and what was read back. The same class counts in ssi-guard and in tests/sim.
class WatchdogWord {
  public:
    explicit WatchdogWord(bool armed) : armed_(armed) {}

    void say(bool armed) {
        if (armed_ == armed) return;
        armed_ = armed;
        reads_ = 0;
        is_withdrawn_ = false;
    }
    /// A fresh pass read our own slot, and this is what it said.
    void read_back(bool armed) {
        if (armed_) return;
        // A pass that began before the word was given may still write the old one after it has read: only the next one
        // is sure to see that.
        ++reads_;
        is_withdrawn_ = reads_ >= kSureReads && !armed;
    }
    [[nodiscard]] bool says_armed() const { return armed_; }
    [[nodiscard]] bool is_withdrawn() const { return is_withdrawn_; }

  private:
    static constexpr int kSureReads = 2;
    bool armed_;
    int reads_ = 0;
    bool is_withdrawn_ = false;
};

}  // namespace ssi::gate
