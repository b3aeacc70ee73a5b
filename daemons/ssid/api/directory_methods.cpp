#include "daemons/ssid/api/directory_methods.hpp"

#include <string>
#include <utility>

#include "daemons/ssid/api/bus_object.hpp"

namespace ssi::cluster {

std::vector<Bus::Method> directory_methods(DirectoryAdministration& directory) {
    using Arguments = std::vector<std::string>;
    auto& d = directory;
    return {
        {"DirectoryList", {}, [&d](Arguments, Bus::Caller) { return d.list(); }},
        {"DirectoryGet",
         {"guest", "version"},
         [&d](Arguments given, Bus::Caller) { return d.get(given[0], given[1]); }},
        {"DirectoryPut",
         {"xml", "base"},
         [&d](Arguments given, Bus::Caller by) { return d.put(std::move(given[0]), given[1], user_of(by)); }},
        {"DirectoryDelete",
         {"guest", "base"},
         [&d](Arguments given, Bus::Caller by) { return d.remove(given[0], given[1], user_of(by)); }},
        {"DirectoryHistory", {"guest"}, [&d](Arguments given, Bus::Caller) { return d.history(given[0]); }},
        {"DirectoryRollback",
         {"guest", "version"},
         [&d](Arguments given, Bus::Caller by) { return d.rollback(given[0], given[1], user_of(by)); }},
        {"DirectoryAdopt", {"guest"}, [&d](Arguments given, Bus::Caller by) { return d.adopt(given[0], user_of(by)); }},
        {"DirectoryConflicts", {}, [&d](Arguments, Bus::Caller) { return d.conflicts(); }}};
}

}  // namespace ssi::cluster
