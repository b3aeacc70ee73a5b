#include "tools/ssictl/cp/rows.hpp"

#include <array>

namespace ssi::ctl::cp {
namespace {

// Shortest forms as in IBM's "CP Commands and Utilities Reference".
constexpr auto kRows = std::to_array<Row>({
    {"Query SSI", "query ssi", "Members, their states and signs of life"},
    {"Query Names", "query names", "Which guests run where"},
    {"Query Users guest", "guest show GUEST", "One guest, and its last move"},
    {"Query ISLink", "islink list", "A line for each channel to another member"},
    {"Query ISLink [NODe] member", "islink show MEMBER", "All there is to say of the link to a member"},
    {"Query CPLEVEL", "version", "The version"},
    {"XAUTOLog guest", "guest start GUEST", "Start a guest on this member"},
    {"AUTOLog guest", "guest start GUEST", "The same"},
    {"AT member CMD XAUTOLog guest", "guest start GUEST --member MEMBER", "Start a guest on that member"},
    {"SIGnal SHUTdown [USER] guest", "guest shutdown GUEST", "Ask a guest to shut down"},
    {"FORCE guest", "guest destroy GUEST", "End a guest at once"},
    {"VMRELOcate MOVE guest [TO] member", "relocate move GUEST MEMBER", "Move a guest while it runs"},
    {"VMRELOcate STatus [ALL]", "relocate status", "All guests that move now"},
    {"VMRELOcate STatus [USER] guest", "relocate status GUEST", "The move of a guest under way, or its last one"},
    {"ACTIVATE ISLink channel", "islink activate CHANNEL", "Bring a channel back"},
    {"ACTIVATE ISLink channel NODe member", "islink activate CHANNEL --peer MEMBER", "The one to that member"},
    {"DEACTivate ISLink channel", "islink deactivate CHANNEL", "Take a channel down"},
    {"DEACTivate ISLink channel NODe member", "islink deactivate CHANNEL --peer MEMBER", "The one to that member"},
    {"AT member CMD SHUTDOWN REIPL", "member reboot MEMBER", "Boot a member's host again; it must run no guests"},
    {"SET SSI member DOWN", "member set-down MEMBER", "Declare a member dead: you have seen that it is off"},
});

}  // namespace

std::span<const Row> rows() {
    return kRows;
}

}  // namespace ssi::ctl::cp
