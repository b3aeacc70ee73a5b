#include "tools/ssictl/directory_edits.hpp"

#include <format>
#include <istream>
#include <iterator>
#include <optional>
#include <ostream>
#include <utility>

#include "lib/common/text_file.hpp"
#include "tools/ssictl/daemon_call.hpp"
#include "tools/ssictl/rendering.hpp"
#include "tools/ssictl/text_editor.hpp"

namespace ssi::ctl {
namespace {

constexpr std::chrono::seconds kRead(10);
constexpr auto kNewGuest = "0";         // the base of a guest that is not in the directory
constexpr auto kWhicheverThereIs = "";  // as a base

Result<json::Object> call_put(std::string xml, std::string base, const Way& way) {
    return call(
        {.method = "DirectoryPut", .arguments = {std::move(xml), std::move(base)}, .timeout = kDefinitionChange}, way);
}

Result<std::string> text_of_file(const PutDefinition& wanted, std::istream& input) {
    if (wanted.file == "-") return std::string(std::istreambuf_iterator<char>(input), {});
    auto text = read_text_file(wanted.file);
    if (!text)
        return failure(ErrorCode::kUsage, std::format("{} cannot be read", wanted.file.string()), wanted.file.string(),
                       "a file with the XML of a guest, or - for standard input");
    return *std::move(text);
}

bool wants_to_edit_again(std::istream& input, std::ostream& errors) {
    std::string typed;
    errors << "Edit it again? (y/n) " << std::flush;
    while (std::getline(input, typed) && typed != "n" && typed != "no") {
        if (typed == "y" || typed == "yes") return true;
        errors << "y or n: " << std::flush;
    }
    return false;
}

/// What a person wrote is never thrown away.
std::unexpected<Error> give_up(EditedText& draft, const std::string& guest, const std::string& base, Error why) {
    const auto file = draft.keep().string();
    why.what = std::format("guest {} was not changed: {}", guest, why.what);
    why.remedy =
        why.code == ErrorCode::kDefinitionChanged
            ? std::format("your text is in {}; ssictl directory get {} prints what there is now", file, guest)
            : std::format("your text is in {}; when it is mended: ssictl directory put {} --base {}", file, file, base);
    return std::unexpected(std::move(why));
}

}  // namespace

Result<json::Object> put_definition(const PutDefinition& wanted, std::istream& input, const Way& way) {
    auto xml = text_of_file(wanted, input);
    if (!xml) return std::unexpected(xml.error());
    const bool is_new = wanted.base.empty() && !wanted.force;
    auto done = call_put(*std::move(xml), is_new ? kNewGuest : wanted.force ? kWhicheverThereIs : wanted.base, way);
    if (!done && is_new && done.error().code == ErrorCode::kDefinitionChanged)
        done.error().remedy = std::format(
            "to change it, say which version the file was made from: --base N (ssictl directory history {}); or "
            "--force",
            done.error().object);
    return done;
}

Result<json::Object> edit_definition(const EditDefinition& wanted, std::istream& input, std::ostream& errors,
                                     const Way& way) {
    const auto present = call({.method = "DirectoryGet", .arguments = {wanted.guest, ""}, .timeout = kRead}, way);
    if (!present) return std::unexpected(present.error());
    const auto xml = json::text(*present, "xml");
    if (!xml) return std::unexpected(xml.error());
    const auto version = json::unsigned_number(*present, "version");
    if (!version) return std::unexpected(version.error());
    const auto base = std::to_string(*version);
    auto draft = EditedText::begin(wanted.guest, *xml);
    if (!draft) return std::unexpected(draft.error());
    while (true) {
        const auto edited = draft->edit();
        auto text = draft->text();
        if (!text) return std::unexpected(text.error());
        const bool is_untouched = *text == *xml;
        if (!edited && is_untouched) return std::unexpected(edited.error());
        if (!edited) return give_up(*draft, wanted.guest, base, edited.error());
        if (is_untouched)
            return json::Object{{"v", 1}, {"guest", wanted.guest}, {"version", *version}, {"changed", false}};
        auto done = call_put(*std::move(text), base, way);
        if (done) return done;
        // No other text helps: it is the version that is not the present one any more.
        if (done.error().code == ErrorCode::kDefinitionChanged)
            return give_up(*draft, wanted.guest, base, done.error());
        errors << render_error(done.error());
        if (!wants_to_edit_again(input, errors)) return give_up(*draft, wanted.guest, base, done.error());
    }
}

}  // namespace ssi::ctl
