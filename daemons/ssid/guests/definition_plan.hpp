#pragma once
/// What becomes of one guest's definition on one member: three versions of it are compared, the one in this member's
/// libvirt, the one that was last put there from the directory, and the one in the directory now. libvirt refuses
/// nobody who defines or undefines a guest, so the difference is all there is to see. Pure.

#include <cstdint>
#include <optional>
#include <string>

#include "lib/common/names.hpp"

namespace ssi::cluster {

/// What this member last had in common with the directory.
struct KnownDefinition {
    /// Of the directory; 0: it was in libvirt before this member was in a cluster, and nobody has adopted it yet.
    std::uint64_t version = 0;
    std::string digest;  ///< Of libvirt's text of it.
    /// Of the directory's. The same number may come to mean another text, when the cluster's state had to be taken from
    /// a copy.
    std::string directory_digest = {};
    /// It came or went in a relocation since: what libvirt has is nobody's edit.
    bool was_moved = false;
    friend bool operator==(const KnownDefinition&, const KnownDefinition&) = default;
};

struct DefinitionFacts {
    struct Local {
        GuestUuid uuid;
        std::string digest;  ///< Of libvirt's text of it.
    };
    struct Entry {
        GuestUuid uuid;
        std::string digest;  ///< Of its text.
        std::uint64_t version = 0;
    };
    std::optional<Local> local;            ///< libvirt's persistent definition.
    std::optional<KnownDefinition> known;  ///< What this member remembers.
    std::optional<Entry> entry;            ///< The directory's.
    std::uint64_t deleted_as = 0;          ///< The version that its deletion is; 0: nobody deleted it.
    bool is_relocating = false;            ///< To or from this member.
    bool was_undefined = false;            ///< libvirt said that somebody did so.
};

/// What to do with it.
struct DefinitionPlan {
    enum class Step {
        kNothing,
        kWait,             ///< Until the relocation has ended.
        kRemember,         ///< They are the same.
        kForget,           ///< Neither has it.
        kDefine,           ///< What the directory has, in libvirt.
        kReplace,          ///< The same; libvirt's has another UUID, and goes first.
        kUndefine,         ///< The directory has it no more.
        kPublish,          ///< What libvirt has becomes the directory's next version, made from `known`.
        kPublishDeletion,  ///< Somebody undefined it here, so the directory is not to have it either.
    };
    Step step = Step::kNothing;
    /// Somebody changed it here, and somebody else in the directory: the directory counts, and libvirt's is kept aside.
    bool is_conflict = false;
    friend bool operator==(const DefinitionPlan&, const DefinitionPlan&) = default;
};

[[nodiscard]] DefinitionPlan plan_definition(const DefinitionFacts& facts);

}  // namespace ssi::cluster
