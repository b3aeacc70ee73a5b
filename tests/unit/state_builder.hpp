#pragma once
/// Builds cluster states for the tests of the rules: a small store that applies transactions as the engine would.

#include <gtest/gtest.h>

#include <string>

#include "daemons/ssid/state/cluster_state.hpp"
#include "daemons/ssid/state/guest_rules.hpp"
#include "daemons/ssid/state/member_rules.hpp"
#include "daemons/ssid/state/relocation_rules.hpp"

namespace ssi::cluster {

inline MemberName member(const std::string& name) {
    return MemberName::parse(name).value();
}
inline GuestName guest(const std::string& name) {
    return GuestName::parse(name).value();
}
inline const GuestUuid kUuid = GuestUuid::parse("11111111-2222-3333-4444-555555555501").value();
inline const DirectoryRecord kDefinition{kUuid, "<domain/>", true, 0, 0, {}};
inline const OperatorWord kWord{member("MEMBER1"), "root", "work", 1'795'969'800};
/// kDefinition is that of "g".
inline DirectoryRecord definition_of(const std::string& name) {
    auto uuid = kUuid.str();
    uuid[0] = static_cast<char>('1' + (name[0] - 'a' + 2) % 8);
    return {GuestUuid::parse(uuid).value(), kDefinition.xml, true, 1000, 0, {}};
}

class StateBuilder {
  public:
    [[nodiscard]] const ClusterState& state() const { return state_; }

    /// Applies it if its conditions hold, as the engine does; says whether they did.
    bool commit(const Result<Transaction>& transaction) {
        EXPECT_TRUE(transaction) << transaction.error().text();
        if (!transaction) return false;
        for (const auto& condition : transaction->conditions)
            if (state_.modified(condition.key) != condition.modified) return false;
        ++revision_;
        for (const auto& write : transaction->writes)
            EXPECT_TRUE(state_.apply({write.key, write.value, Revision{revision_}}));
        return true;
    }
    StateBuilder& joining(const std::string& name) {
        commit(decide_admission(state_, member(name)));
        return *this;
    }
    StateBuilder& joined(const std::string& name) {
        joining(name);
        commit(decide_joined(state_, life(name)));
        return *this;
    }
    StateBuilder& beat(const std::string& name) {
        commit(decide_alive(state_, life(name), ++beats_));
        return *this;
    }
    StateBuilder& down(const std::string& name) {
        commit(decide_set_down(state_, member(name), false));
        return *this;
    }
    StateBuilder& free_memory(const std::string& name, std::int64_t mib) {
        commit(decide_capacity(state_, life(name), mib));
        return *this;
    }
    StateBuilder& policy(const std::string& name, const GuestPolicy& policy) {
        commit(decide_policy(state_, guest(name), policy));
        return *this;
    }
    StateBuilder& disarmed() {
        commit(decide_disarm(state_, kWord));
        return *this;
    }
    StateBuilder& in_maintenance(const std::string& name) {
        commit(decide_maintenance_on(state_, member(name), kWord));
        return *this;
    }
    [[nodiscard]] MemberLife life(const std::string& name) const {
        return {member(name), state_.member(member(name))->incarnation};
    }
    [[nodiscard]] Result<Transaction> start(const std::string& name, const std::string& at,
                                            const std::string& run) const {
        return decide_start(state_, {guest(name), life(at), RunId(run), definition_of(name)});
    }
    StateBuilder& running(const std::string& name, const std::string& at, const std::string& run) {
        commit(start(name, at, run));
        commit(decide_running(state_, guest(name), RunId(run)));
        return *this;
    }
    StateBuilder& relocating(const std::string& name, const std::string& to, const std::string& run) {
        commit(decide_begin_relocation(state_, guest(name), member(to), RunId(run)));
        return *this;
    }
    [[nodiscard]] const Residency* residency(const std::string& name) const { return state_.residency(guest(name)); }

  private:
    ClusterState state_;
    std::int64_t revision_ = 0;
    std::uint64_t beats_ = 0;
};

/// The refusal's code; fails the test when it was no refusal.
inline ErrorCode refusal(const Result<Transaction>& transaction) {
    EXPECT_FALSE(transaction) << "was not refused";
    return transaction ? ErrorCode{} : transaction.error().code;
}

inline bool changes_nothing(const Result<Transaction>& transaction) {
    return transaction && transaction->writes.empty();
}

}  // namespace ssi::cluster
