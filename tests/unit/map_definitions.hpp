#pragma once
/// A libvirt that is a map: it takes every domain XML as it is.

#include <map>
#include <utility>

#include "daemons/ssid/guests/definition_store.hpp"
#include "daemons/ssid/guests/domain_xml.hpp"

namespace ssi::test {

class MapDefinitions final : public cluster::DefinitionStore {
  public:
    boost::asio::awaitable<Result<std::vector<cluster::LocalDefinition>>> all() override {
        std::vector<cluster::LocalDefinition> all;
        for (const auto& [name, definition] : definitions) all.push_back(definition);
        co_return all;
    }
    boost::asio::awaitable<Result<std::optional<cluster::LocalDefinition>>> find(GuestName guest) override {
        const auto found = definitions.find(guest);
        if (found == definitions.end()) co_return std::nullopt;
        co_return found->second;
    }
    boost::asio::awaitable<Result<cluster::LocalDefinition>> define(std::string xml, cluster::Schema) override {
        const auto parsed = cluster::parse_domain_xml(xml);
        if (!parsed) co_return failure(ErrorCode::kDefinitionInvalid, parsed.error().what);
        auto& kept = definitions[parsed->name];
        kept = {parsed->name, parsed->record.uuid, std::move(xml), kept.is_active};
        on_defined(parsed->name);
        co_return kept;
    }
    boost::asio::awaitable<Result<void>> undefine(GuestName guest) override {
        if (definitions.erase(guest) > 0) on_undefined(guest);
        co_return Result<void>{};
    }

    std::map<GuestName, cluster::LocalDefinition> definitions;
};

}  // namespace ssi::test
