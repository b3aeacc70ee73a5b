// CP commands: every one by its full words and by its shortest, and what is said of those that there are not.
#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <fstream>
#include <iterator>

#include "tools/ssictl/command_line.hpp"
#include "tools/ssictl/cp/reading.hpp"

namespace ssi::ctl {
namespace {

using Words = std::vector<std::string>;

/// One CP command, and the verb that does the same.
struct Case {
    std::string full;
    std::string shortest;
    std::string verb;
};

const std::vector<Case> kCases{
    {"QUERY SSI", "Q SSI", "query ssi"},
    {"QUERY NAMES", "Q N", "query names"},
    {"QUERY USERS G", "Q U G", "guest show G"},
    {"QUERY ISLINK", "Q ISL", "islink list"},
    {"QUERY ISLINK NODE M2", "Q ISL M2", "islink show M2"},
    {"QUERY CPLEVEL", "Q CPLEVEL", "version"},
    {"XAUTOLOG G", "XAUTOL G", "guest start G"},
    {"AUTOLOG G", "AUTOL G", "guest start G"},
    {"AT M2 CMD XAUTOLOG G", "AT M2 CMD XAUTOL G", "guest start G --member M2"},
    {"SIGNAL SHUTDOWN USER G", "SIG SHUT G", "guest shutdown G"},
    {"FORCE G", "FORCE G", "guest destroy G"},
    {"VMRELOCATE MOVE G TO M2", "VMRELO MOVE G M2", "relocate move G M2"},
    {"VMRELOCATE STATUS ALL", "VMRELO ST", "relocate status"},
    {"VMRELOCATE STATUS USER G", "VMRELO ST G", "relocate status G"},
    {"ACTIVATE ISLINK 0", "ACTIVATE ISL 0", "islink activate 0"},
    {"ACTIVATE ISLINK 0 NODE M2", "ACTIVATE ISL 0 NOD M2", "islink activate 0 --peer M2"},
    {"DEACTIVATE ISLINK 0", "DEACT ISL 0", "islink deactivate 0"},
    {"DEACTIVATE ISLINK 0 NODE M2", "DEACT ISL 0 NOD M2", "islink deactivate 0 --peer M2"},
    {"AT M2 CMD SHUTDOWN REIPL", "AT M2 CMD SHUTDOWN REIPL", "member reboot M2"},
    {"SET SSI M2 DOWN", "SET SSI M2 DOWN", "member set-down M2"},
};

Result<cp::Reading> read(const std::string& command) {
    return cp::read(cp::split_words(command), cp::rows());
}

std::string row_of(const std::string& command) {
    const auto reading = read(command);
    return reading ? std::string(reading->row.shape) : reading.error().what;
}

/// What ssictl does when it has understood the command, names left as they were typed.
Command meaning_of(const std::string& command) {
    return parse_command_line(cp::verb_words(read(command).value())).value().command;
}

void expect_same(const Command& one, const Command& other, const std::string& command) {
    ASSERT_EQ(one.index(), other.index()) << command;
    if (const auto* call = std::get_if<DaemonCall>(&one)) {
        const auto& expected = std::get<DaemonCall>(other);
        EXPECT_EQ(call->method, expected.method) << command;
        EXPECT_EQ(call->arguments, expected.arguments) << command;
        EXPECT_EQ(call->timeout, expected.timeout) << command;
        EXPECT_EQ(call->render, expected.render) << command;
        EXPECT_EQ(call->confirmation, expected.confirmation) << command;
    }
    if (const auto* links = std::get_if<ShowLinks>(&one)) {
        EXPECT_EQ(links->member, std::get<ShowLinks>(other).member) << command;
    }
}

Answered refused(const Words& words) {
    auto parsed = parse_command_line(words);
    EXPECT_FALSE(parsed);
    return parsed ? Answered{} : parsed.error();
}

std::string refusal_of(const std::string& command) {
    const auto reading = read(command);
    return reading ? "" : reading.error().what + " | " + reading.error().remedy;
}

TEST(CpCommand, every_one_is_tested) {
    Words shapes;
    for (const auto& row : cp::rows()) shapes.emplace_back(row.shape);
    Words tested;
    for (const auto& [full, shortest, verb] : kCases) tested.push_back(row_of(full));
    EXPECT_EQ(tested, shapes);
}

TEST(CpCommand, is_the_verb_that_it_stands_for) {
    for (const auto& [full, shortest, verb] : kCases) {
        const auto expected = parse_command_line(cp::split_words(verb)).value().command;
        expect_same(meaning_of(full), expected, full);
        expect_same(meaning_of(shortest), expected, shortest);
    }
}

TEST(CpCommand, in_its_shortest_words_is_the_same_command) {
    for (const auto& [full, shortest, verb] : kCases) EXPECT_EQ(row_of(shortest), row_of(full));
}

TEST(CpCommand, with_one_letter_less_is_another_one_or_none) {
    for (const auto& [full, shortest, verb] : kCases) {
        const auto elements = cp::parse_shape(read(full)->row.shape);
        auto words = cp::split_words(full);
        ASSERT_EQ(words.size(), elements.size()) << full << " leaves nothing out";
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (elements[i].kind != cp::Element::Kind::kKeyword || elements[i].shortest == 1) continue;
            auto cut = words;
            cut[i].resize(elements[i].shortest);
            EXPECT_EQ(cp::readings(cut, cp::rows()).size(), 1U) << full << ", " << cut[i];
            cut[i].pop_back();
            for (const auto& reading : cp::readings(cut, cp::rows()))
                EXPECT_NE(reading.row.shape, row_of(full)) << cut[i];
        }
    }
}

TEST(CpCommand, may_be_typed_in_any_case) {
    EXPECT_EQ(row_of("vmrelocate move g to m2"), row_of("VMRELOCATE MOVE G TO M2"));
    EXPECT_EQ(row_of("Q nAmEs"), "Query Names");
}

TEST(CpCommand, may_be_one_argument_or_several) {
    for (const auto& words : {Words{"cp", "QUERY SSI"}, Words{"cp", "  q   ssi "}, Words{"cp", "q", "ssi"}})
        EXPECT_TRUE(std::holds_alternative<ShowCluster>(parse_command_line(words).value().command)) << words[1];
}

TEST(CpCommand, given_as_several_arguments_takes_names_with_blanks) {
    const auto command = parse_command_line({"cp", "FORCE", "my guest"}).value().command;
    EXPECT_EQ(std::get<CpCommand>(command).reading.operands.at(0).value, "my guest");
}

TEST(CpCommand, takes_json_wherever_it_stands) {
    for (const auto& words : {Words{"--json", "cp", "q", "n"}, Words{"cp", "--json", "q n"},
                              Words{"cp", "q", "n", "--json"}, Words{"cp", "force", "g", "--json"}})
        EXPECT_TRUE(parse_command_line(words).value().json);
    EXPECT_FALSE(parse_command_line({"cp", "q", "n"}).value().json);
}

TEST(CpCommand, that_names_a_guest_or_member_waits_for_the_names) {
    for (const auto* command : {"FORCE G", "Q ISLINK M2", "VMRELO MOVE G M2"})
        EXPECT_TRUE(std::holds_alternative<CpCommand>(parse_command_line({"cp", command}).value().command)) << command;
    for (const auto* command : {"VMRELO STATUS", "ACTIVATE ISLINK 0"})
        EXPECT_FALSE(std::holds_alternative<CpCommand>(parse_command_line({"cp", command}).value().command)) << command;
}

TEST(CpCommand, takes_names_that_look_like_something_else) {
    for (const std::string name : {"list", "guest", "cp", "--yes", "-x", "--", "TO", "ssi"})
        EXPECT_EQ(std::get<DaemonCall>(meaning_of("VMRELOCATE MOVE " + name + " TO " + name)).arguments,
                  (Words{name, name}));
    EXPECT_EQ(std::get<DaemonCall>(meaning_of("AT --yes CMD XAUTOLOG G")).arguments, (Words{"G", "--yes"}));
}

TEST(CpCommand, has_a_keyword_rather_than_a_name_that_is_spelled_so) {
    EXPECT_EQ(row_of("VMRELO STATUS ALL"), "VMRELOcate STatus [ALL]");
    EXPECT_EQ(read("VMRELO STATUS USER ALL")->operands.at(0).value, "ALL");
}

TEST(CpCommand, that_there_is_not_is_answered_with_those_that_there_are) {
    EXPECT_EQ(refusal_of("FROBNICATE X"),
              "there is no CP command FROBNICATE | QUERY, XAUTOLOG, AUTOLOG, AT, SIGNAL, FORCE, VMRELOCATE, ACTIVATE, "
              "DEACTIVATE or SET; ssictl cp HELP lists all CP commands");
    EXPECT_EQ(refusal_of("DEACT FROBNICATE"),
              "FROBNICATE makes no sense after DEACT | DEACTivate ISLink channel or DEACTivate ISLink channel NODe "
              "member; ssictl cp HELP lists all CP commands");
    EXPECT_EQ(refusal_of("SET SSI M2 UP"),
              "UP makes no sense after SET SSI M2 | SET SSI member DOWN; ssictl cp HELP lists all CP commands");
    EXPECT_EQ(refusal_of("QUERYX SSI").find("there is no CP command QUERYX"), 0U);
}

TEST(CpCommand, that_is_too_short_is_answered_with_all_that_it_may_be) {
    EXPECT_EQ(refusal_of("S SSI"),
              "S is too short for SIGNAL or SET | SIGnal SHUTdown [USER] guest or SET SSI member DOWN; ssictl cp HELP "
              "lists all CP commands");
    EXPECT_EQ(refusal_of("VMREL MOVE G M2").find("VMREL is too short for VMRELOCATE | "), 0U);
    EXPECT_EQ(refusal_of("SIG SHU G").find("SHU is too short for SHUTDOWN | "), 0U);
}

TEST(CpCommand, that_ends_too_early_is_told_what_is_missing) {
    EXPECT_EQ(refusal_of("Q").find("Q ends too early: SSI, NAMES, USERS, ISLINK or CPLEVEL is missing | "), 0U);
    EXPECT_EQ(refusal_of("VMRELO MOVE G"),
              "VMRELO MOVE G ends too early: MEMBER is missing | VMRELOcate MOVE guest [TO] member; ssictl cp HELP "
              "lists all CP commands");
    EXPECT_EQ(refusal_of("VMRELO MOVE G TO").find("VMRELO MOVE G TO ends too early: MEMBER is missing"), 0U);
    EXPECT_EQ(refusal_of("FORCE").find("FORCE ends too early: GUEST is missing"), 0U);
}

TEST(CpCommand, that_goes_on_too_long_is_told_where) {
    EXPECT_EQ(refusal_of("Q SSI X"), "X makes no sense after Q SSI | Query SSI; ssictl cp HELP lists all CP commands");
    EXPECT_EQ(refusal_of("FORCE G NOW").find("NOW makes no sense after FORCE G | FORCE guest;"), 0U);
    EXPECT_EQ(refusal_of("VMRELO MOVE G TO M2 M3").find("M3 makes no sense after VMRELO MOVE G TO M2 | "), 0U);
}

TEST(CpCommand, that_is_wrong_is_usage) {
    for (const auto* command : {"FROBNICATE", "Q", "Q SSI X", "S SSI"}) {
        const auto answered = refused({"cp", command});
        EXPECT_EQ(answered.status, 2) << command;
        EXPECT_TRUE(answered.errors.starts_with("ssictl: SSI-6007 ")) << answered.errors;
        EXPECT_EQ(answered.output, "");
    }
}

TEST(CpHelp, lists_every_command_and_is_no_fault) {
    for (const auto* word : {"HELP", "help", "h", "?"}) {
        const auto answered = refused({"cp", word});
        EXPECT_EQ(answered.status, 0) << word;
        EXPECT_EQ(answered.errors, "");
        for (const auto& row : cp::rows()) {
            EXPECT_NE(answered.output.find(row.shape), std::string::npos) << row.shape;
            EXPECT_NE(answered.output.find(row.verb), std::string::npos) << row.verb;
        }
    }
}

TEST(CpHelp, comes_with_the_fault_when_there_is_no_command) {
    for (const auto& words : {Words{"cp"}, Words{"cp", ""}, Words{"cp", " "}}) {
        const auto answered = refused(words);
        EXPECT_EQ(answered.status, 2);
        EXPECT_TRUE(answered.errors.starts_with("ssictl: which CP command?\n")) << answered.errors;
        EXPECT_NE(answered.errors.find("Query SSI"), std::string::npos);
    }
    EXPECT_EQ(refused({"cp", "--help"}).status, 0);
}

TEST(CpHelp, is_no_command_of_a_row) {
    for (const auto& row : cp::rows())
        EXPECT_FALSE(cp::parse_shape(row.shape).front().text.starts_with('H')) << row.shape;
}

/// The words of a row with those that may be left out, and without.
std::vector<std::vector<cp::Element>> forms_of(const cp::Row& row) {
    std::vector<std::vector<cp::Element>> forms(1);
    for (const auto& element : cp::parse_shape(row.shape)) {
        const auto without = element.optional ? forms : std::vector<std::vector<cp::Element>>{};
        for (auto& form : forms) form.push_back(element);
        std::ranges::copy(without, std::back_inserter(forms));
    }
    return forms;
}

/// A word that both elements can be meant by; empty: none.
std::string common_word(const cp::Element& one, const cp::Element& other) {
    const bool is_keyword = one.kind == cp::Element::Kind::kKeyword;
    if (!is_keyword || other.kind != cp::Element::Kind::kKeyword) return is_keyword ? one.text : other.text;
    const auto word = one.text.substr(0, std::max(one.shortest, other.shortest));
    return one.is_meant_by(word) && other.is_meant_by(word) ? word : "";
}

/// Words that both forms can be meant by; none: there are no such.
Words common_words(const std::vector<cp::Element>& one, const std::vector<cp::Element>& other) {
    if (one.size() != other.size()) return {};
    Words words;
    for (std::size_t i = 0; i < one.size(); ++i) words.push_back(common_word(one[i], other[i]));
    return std::ranges::contains(words, "") ? Words{} : words;
}

TEST(CpRows, no_two_are_meant_by_the_same_words) {
    for (const auto& one : cp::rows())
        for (const auto& other : cp::rows())
            for (const auto& form : forms_of(one))
                for (const auto& other_form : forms_of(other))
                    if (const auto words = common_words(form, other_form); !words.empty()) {
                        EXPECT_EQ(cp::readings(words, cp::rows()).size(), 1U) << one.shape << " and " << other.shape;
                    }
}

TEST(CpRows, two_of_the_same_words_would_be_found) {
    const std::vector<cp::Row> rows{{"Query SSI", "query ssi", ""}, {"Query SSIname", "query ssi", ""}};
    const auto words = common_words(forms_of(rows[0]).front(), forms_of(rows[1]).front());
    EXPECT_EQ(words, (Words{"Q", "SSI"}));
    EXPECT_EQ(cp::readings(words, rows).size(), 2U);
}

TEST(CpRows, every_operand_is_one_of_the_verb) {
    for (const auto& row : cp::rows()) {
        Words operands;
        for (const auto& element : cp::parse_shape(row.shape))
            if (element.kind != cp::Element::Kind::kKeyword) operands.push_back(element.text);
        Words used;
        for (const auto& word : cp::split_words(row.verb))
            if (word == cp::capitals(word)) used.push_back(word);
        std::ranges::sort(operands);
        std::ranges::sort(used);
        EXPECT_EQ(used, operands) << row.shape;
    }
}

TEST(CpRows, stand_in_the_operators_guide) {
    std::ifstream stream(SSI_SOURCE_DIR "/docs/operators-guide.md");
    const std::string guide{std::istreambuf_iterator<char>(stream), {}};
    for (const auto& row : cp::rows()) {
        const auto line = std::format("\n| `{}` | `ssictl {}` | {} |\n", row.shape, row.verb, row.help);
        EXPECT_NE(guide.find(line), std::string::npos) << line;
    }
}

}  // namespace
}  // namespace ssi::ctl
