#include "daemons/ssid/guests/definition_plan.hpp"

namespace ssi::cluster {
namespace {

using Step = DefinitionPlan::Step;

DefinitionPlan plan_without_entry(const DefinitionFacts& facts) {
    const auto& local = facts.local;
    const auto& known = facts.known;
    if (!local) return {known ? Step::kForget : Step::kNothing};
    if (!known) return {Step::kPublish};
    if (known->version == 0) return {};  // Nobody has adopted it.
    const bool is_edited = local->digest != known->digest && !known->was_moved;
    // It is missing, and nobody deleted it: the state was taken from a copy that is older.
    return {Step::kUndefine, is_edited || facts.deleted_as <= known->version};
}

DefinitionPlan plan_with_entry(const DefinitionFacts& facts) {
    const auto& local = facts.local;
    const auto& known = facts.known;
    const auto& entry = facts.entry;
    const bool is_known = known && known->version > 0;
    const bool is_current = is_known && known->version == entry->version && known->directory_digest == entry->digest;
    // What was the newest there is not in it any more: it was taken from a copy.
    const bool went_back = is_known && !is_current && known->version >= entry->version;
    // That it is missing says nothing: libvirt leaves out at its start what it cannot read, and disks are restored.
    if (!local) return {is_current && facts.was_undefined ? Step::kPublishDeletion : Step::kDefine};
    if (local->digest == entry->digest && local->uuid == entry->uuid) {
        const bool is_remembered = is_current && known->digest == local->digest && !known->was_moved;
        return {is_remembered ? Step::kNothing : Step::kRemember};
    }
    if (is_known && known->was_moved) return {Step::kDefine, went_back};
    if (is_known && local->digest == known->digest) return {is_current ? Step::kNothing : Step::kDefine, went_back};
    if (is_current) return {Step::kPublish};
    // From before the cluster, and another guest than the directory's of that name: an administrator has to say which.
    if (known && known->version == 0 && local->uuid != entry->uuid) return {};
    return {local->uuid == entry->uuid ? Step::kDefine : Step::kReplace, true};
}

}  // namespace

DefinitionPlan plan_definition(const DefinitionFacts& facts) {
    if (facts.is_relocating) return {Step::kWait};
    return facts.entry ? plan_with_entry(facts) : plan_without_entry(facts);
}

}  // namespace ssi::cluster
