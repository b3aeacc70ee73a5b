#pragma once
/// What this member's slot says of its watchdog (SAFETY 11, 13 b) and of being alone (SAFETY 3), and whether the others
/// can have read it.

namespace ssi::gate {

/// One word of the slot. Pure: from what was said and what was read back. The same class counts in ssi-guard and in
/// tests/sim.
class SlotWord {
  public:
    explicit SlotWord(bool said) : said_(said) {}

    void say(bool word) {
        if (said_ == word) return;
        said_ = word;
        reads_ = 0;
        is_read_back_ = false;
    }
    /// A fresh pass read our own slot, and this is what it said.
    void read_back(bool heard) {
        // A pass that began before the word was given may still write the old one after it has read: only the next one
        // is sure to see that.
        ++reads_;
        is_read_back_ = reads_ >= kSureReads && heard == said_;
    }
    [[nodiscard]] bool says() const { return said_; }
    /// Whoever reads the slot from now on reads what was said last.
    [[nodiscard]] bool is_read_back() const { return is_read_back_; }

  private:
    static constexpr int kSureReads = 2;
    bool said_;
    int reads_ = 0;
    bool is_read_back_ = false;
};

/// Who has it said; ssi-guard's slot on the PDR, or a test's.
class SlotNotice {
  public:
    virtual ~SlotNotice() = default;
    /// What the slot says of the watchdog from its next write on.
    virtual void announce(bool armed) = 0;
    /// The slot was read back to say "not armed", and still does: nobody counts on a reset of this host.
    [[nodiscard]] virtual bool is_withdrawn() const = 0;
    /// What it says of being alone from its next write on.
    virtual void announce_lone(bool lone) = 0;
    [[nodiscard]] virtual const SlotWord& lone() const = 0;
};

}  // namespace ssi::gate
