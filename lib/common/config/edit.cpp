#include "lib/common/config/edit.hpp"

#include <algorithm>
#include <format>
#include <functional>
#include <set>
#include <toml.hpp>
#include <utility>

#include "lib/common/config/document.hpp"

namespace ssi {
namespace {

/// How the file is written forbids it.
struct Unsafe {
    std::size_t line = 0;
};

/// The lines of a file, and what toml11 knows of where things stand. Lines are counted from 1, as toml11 does.
class Editor {
  public:
    explicit Editor(const std::string& text)
        : root_(toml::parse_str(text, toml::spec::default_version())), ends_in_break_(text.ends_with('\n')) {
        for (std::size_t at = 0; at < text.size();) {
            const auto end = std::min(text.find('\n', at), text.size());
            lines_.push_back(text.substr(at, end - at));
            at = end + 1;
        }
        note_headers(root_);
    }

    [[nodiscard]] const toml::array& tables(const char* name) const {
        static const toml::array none;
        return root_.contains(name) ? root_.at(name).as_array() : none;
    }
    [[nodiscard]] const toml::value& member(const MemberName& name) const {
        for (const auto& table : tables("member"))
            if (table.at("name").as_string() == name.str()) return table;
        throw Unsafe{};  // the caller has looked
    }

    struct Block {
        std::size_t first = 0;
        std::size_t last = 0;
    };
    /// The lines of a [table] or [[table]], without the comments and blanks before the next.
    [[nodiscard]] Block block_of(const toml::value& table) const {
        const auto first = table.location().first_line_number();
        if (!headers_.contains(first)) throw Unsafe{first};
        const auto next = headers_.upper_bound(first);
        auto last = next == headers_.end() ? lines_.size() : *next - 1;
        while (last > first && is_empty(last)) --last;
        return {first, last};
    }
    /// The last line of the last [[name]], or of the file.
    [[nodiscard]] std::size_t end_of_last(const char* name) const {
        std::size_t last = 0;
        for (const auto& table : tables(name)) last = std::max(last, block_of(table).last);
        return last == 0 ? lines_.size() : last;
    }

    // Changes are collected, and made from the end of the file on: what toml11 knows stays true.

    void remove(Block block) {
        // One blank line before it goes with it.
        if (block.first > 1 && is_blank(block.first - 1)) --block.first;
        for (auto line = block.first; line <= block.last; ++line) removed_.insert(line);
    }
    void remove_line(std::size_t line) { removed_.insert(line); }
    void insert_after(std::size_t line, std::string text) { inserted_.emplace_back(line, std::move(text)); }
    /// The quoted text at this value's place becomes `text`.
    void replace_text(const toml::value& value, const std::string& text) {
        const auto [line, column] = place_of(value);
        const auto& content = lines_[line - 1];
        const auto end = content.find(content[column - 1], column);
        if (end == std::string::npos) throw Unsafe{line};
        replaced_.push_back({line, column - 1, end + 1 - (column - 1), '"' + text + '"'});
    }
    /// The key before this value.
    struct KeyPlace {
        std::size_t line = 0;
        std::size_t begin = 0;  ///< From 0.
        std::size_t length = 0;
    };
    [[nodiscard]] KeyPlace key_of(const std::string& key, const toml::value& value) const {
        const auto [line, column] = place_of(value);
        const auto before = std::string_view(lines_[line - 1]).substr(0, column - 1);
        const auto begin = before.rfind(key);
        if (begin == std::string_view::npos) throw Unsafe{line};
        return {line, begin, key.size()};
    }
    void replace_key(const std::string& key, const toml::value& value, const std::string& with) {
        const auto place = key_of(key, value);
        replaced_.push_back({place.line, place.begin, place.length, with});
    }
    /// KEY = "VALUE" of an inline table, with the comma that belongs to it; of a [table] the whole line.
    void remove_entry(const std::string& key, const toml::value& value) {
        const auto place = key_of(key, value);
        const auto& content = lines_[place.line - 1];
        auto begin = place.begin;
        if (begin > 0 && (content[begin - 1] == '"' || content[begin - 1] == '\'')) --begin;
        if (content.find_first_not_of(" \t") == begin) {
            remove_line(place.line);
            return;
        }
        const auto [line, column] = place_of(value);
        auto end = content.find(content[column - 1], column);
        if (end == std::string::npos) throw Unsafe{line};
        ++end;
        const auto behind = content.find_first_not_of(" \t", end);
        if (behind != std::string::npos && content[behind] == ',')
            end = std::min(content.find_first_not_of(" \t", behind + 1), content.size());
        else if (const auto comma = content.find_last_not_of(" \t", begin - 1); content[comma] == ',')
            begin = comma;
        replaced_.push_back({line, begin, end - begin, ""});
    }

    [[nodiscard]] std::string text() {
        // From right to left, so that the places left of a change stay true.
        std::ranges::sort(replaced_, std::greater(), [](const Piece& one) { return std::pair(one.line, one.begin); });
        for (const auto& piece : replaced_) lines_[piece.line - 1].replace(piece.begin, piece.length, piece.with);
        std::string result;
        for (std::size_t line = 0; line <= lines_.size(); ++line) {
            if (line > 0 && !removed_.contains(line)) result += lines_[line - 1] + '\n';
            for (const auto& [after, added] : inserted_)
                if (after == line) result += added;
        }
        if (!ends_in_break_ && inserted_.empty() && result.ends_with('\n')) result.pop_back();
        return result;
    }

  private:
    struct Piece {
        std::size_t line = 0;
        std::size_t begin = 0;
        std::size_t length = 0;
        std::string with;
    };

    [[nodiscard]] bool is_blank(std::size_t line) const {
        return lines_[line - 1].find_first_not_of(" \t\r") == std::string::npos;
    }
    [[nodiscard]] bool is_empty(std::size_t line) const {
        const auto& content = lines_[line - 1];
        const auto begin = content.find_first_not_of(" \t\r");
        return begin == std::string::npos || content[begin] == '#';
    }
    /// Every line that begins a table.
    void note_headers(const toml::value& value) {
        if (value.is_table()) {
            const auto line = value.location().first_line_number();
            if (line >= 1 && line <= lines_.size()) {
                const auto& content = lines_[line - 1];
                const auto begin = content.find_first_not_of(" \t");
                if (begin != std::string::npos && content[begin] == '[') headers_.insert(line);
            }
            for (const auto& [key, one] : value.as_table()) note_headers(one);
        } else if (value.is_array()) {
            for (const auto& one : value.as_array()) note_headers(one);
        }
    }
    /// Line and column, both from 1, of a text in simple quotes.
    [[nodiscard]] std::pair<std::size_t, std::size_t> place_of(const toml::value& value) const {
        const auto place = value.location();
        const auto line = place.first_line_number();
        const auto column = place.first_column_number();
        if (!value.is_string() || line < 1 || line > lines_.size() || column < 1 || column > lines_[line - 1].size() ||
            (lines_[line - 1][column - 1] != '"' && lines_[line - 1][column - 1] != '\''))
            throw Unsafe{line};
        return {line, column};
    }

    toml::value root_;
    bool ends_in_break_;
    std::vector<std::string> lines_;
    std::set<std::size_t> headers_;
    std::set<std::size_t> removed_;
    std::vector<std::pair<std::size_t, std::string>> inserted_;
    std::vector<Piece> replaced_;
};

/// Runs `change` on a valid file; what it cannot do safely is an Error.
template <class Change>
Result<std::string> edit(const std::string& text, const std::string& file, const Change& change) {
    const auto document = parse_config_document(text, file);
    if (!document) return std::unexpected(document.error());
    const auto unsafe = [&](std::size_t line) {
        return failure(ErrorCode::kConfigInvalid,
                       std::format("{}:{}: this is written in a way that only a person should change", file, line),
                       file, "change it with an editor, then ssictl config check and ssictl config push");
    };
    try {
        Editor editor(text);
        if (auto done = change(editor, document->config); !done) return std::unexpected(done.error());
        return editor.text();
    } catch (const Unsafe& found) {
        return unsafe(found.line);
    } catch (const toml::exception&) {
        return unsafe(0);
    }
}

Result<void> must_exist(const SystemConfig& config, const MemberName& member) {
    if (config.find(member) != nullptr) return {};
    return failure(ErrorCode::kMemberUnknown, std::format("there is no member {}", member.str()), member.str(),
                   "ssictl query ssi lists the members");
}

bool joins(const toml::value& channel, const MemberName& member) {
    return std::ranges::any_of(channel.at("members").as_array(),
                               [&](const toml::value& end) { return end.as_string() == member.str(); });
}

/// Calls with (key, value) of every plug of a member.
template <class Part>
void for_each_plug(const Editor& editor, const MemberName& member, const Part& part) {
    for (const auto& fence : editor.tables("fence"))
        if (fence.contains("plugs") && fence.at("plugs").contains(member.str()))
            part(member.str(), fence.at("plugs").at(member.str()));
}

}  // namespace

Result<std::string> add_member(const std::string& text, const std::string& file, const NewMember& member) {
    return edit(text, file, [&](Editor& editor, const SystemConfig& config) -> Result<void> {
        if (config.find(member.name) != nullptr)
            return failure(ErrorCode::kUsage, std::format("there is a member {} already", member.name.str()),
                           member.name.str(), "ssictl member replace puts another machine in its place");
        auto block = std::format("\n[[member]]\nname = \"{}\"\nslot = {}\n", member.name.str(), member.slot.number());
        if (!member.host.empty() && member.host != member.name.str())
            block += std::format("host = \"{}\"\n", member.host);
        std::string channels;
        for (const auto& channel : member.channels) {
            if (auto exists = must_exist(config, channel.peer); !exists) return exists;
            channels += std::format("\n[[channel]]\nmembers = [\"{}\", \"{}\"]\naddresses = [\"{}\", \"{}\"]\n",
                                    channel.peer.str(), member.name.str(), channel.peer_address, channel.own_address);
        }
        editor.insert_after(editor.end_of_last("member"), block);
        if (!channels.empty()) editor.insert_after(editor.end_of_last("channel"), channels);
        return {};
    });
}

Result<std::string> remove_member(const std::string& text, const std::string& file, const MemberName& member) {
    return edit(text, file, [&](Editor& editor, const SystemConfig& config) -> Result<void> {
        if (auto exists = must_exist(config, member); !exists) return exists;
        editor.remove(editor.block_of(editor.member(member)));
        for (const auto& channel : editor.tables("channel"))
            if (joins(channel, member)) editor.remove(editor.block_of(channel));
        for_each_plug(editor, member,
                      [&](const std::string& key, const toml::value& value) { editor.remove_entry(key, value); });
        return {};
    });
}

Result<std::string> rename_member(const std::string& text, const std::string& file, const MemberName& member,
                                  const MemberName& to) {
    return edit(text, file, [&](Editor& editor, const SystemConfig& config) -> Result<void> {
        if (auto exists = must_exist(config, member); !exists) return exists;
        const auto& table = editor.member(member);
        const auto& name = table.at("name");
        editor.replace_text(name, to.str());
        if (!table.contains("host"))
            editor.insert_after(name.location().first_line_number(), std::format("host = \"{}\"\n", member.str()));
        for (const auto& channel : editor.tables("channel"))
            for (const auto& end : channel.at("members").as_array())
                if (end.as_string() == member.str()) editor.replace_text(end, to.str());
        for_each_plug(editor, member, [&](const std::string& key, const toml::value& value) {
            editor.replace_key(key, value, to.str());
        });
        return {};
    });
}

Result<std::string> replace_host(const std::string& text, const std::string& file, const MemberName& member,
                                 const std::string& host) {
    return edit(text, file, [&](Editor& editor, const SystemConfig& config) -> Result<void> {
        if (auto exists = must_exist(config, member); !exists) return exists;
        const auto& table = editor.member(member);
        if (table.contains("host"))
            editor.replace_text(table.at("host"), host);
        else
            editor.insert_after(table.at("name").location().first_line_number(), std::format("host = \"{}\"\n", host));
        return {};
    });
}

}  // namespace ssi
