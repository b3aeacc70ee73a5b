#pragma once
/// Names and numbers that must not be mixed up: each is a type of its own, made only from text that is valid.

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi {

/// Text with a rule; `Rule` has `static Result<void> check(std::string_view)` and `kNoun`.
template <class Rule>
class CheckedName {
  public:
    CheckedName() = default;  ///< The empty name: names nothing.
    [[nodiscard]] static Result<CheckedName> parse(std::string_view text) {
        if (auto checked = Rule::check(text); !checked) return std::unexpected(checked.error());
        CheckedName name;
        name.text_ = text;
        return name;
    }
    [[nodiscard]] const std::string& str() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    friend auto operator<=>(const CheckedName&, const CheckedName&) = default;

  private:
    std::string text_;
};

struct MemberNameRule {
    static Result<void> check(std::string_view text);
};
struct GuestNameRule {
    static Result<void> check(std::string_view text);
};
struct ServiceNameRule {
    static Result<void> check(std::string_view text);
};

/// 1-64 of A-Z a-z 0-9 and "-", beginning with a letter or digit: it is part of file names and host names.
using MemberName = CheckedName<MemberNameRule>;
/// What libvirt takes as a domain name and is safe as part of a key: 1-200 bytes, no "/", no control bytes, not "." or
/// "..".
using GuestName = CheckedName<GuestNameRule>;
/// Name of a service on a logical link: 1-80 of a-z A-Z 0-9 "-" "_" ".", not beginning with ".".
using ServiceName = CheckedName<ServiceNameRule>;

/// Slot of a member in system.toml, 1..32.
class MemberSlot {
  public:
    MemberSlot() = default;
    [[nodiscard]] static Result<MemberSlot> from(std::int64_t number);
    [[nodiscard]] int number() const { return number_; }
    friend auto operator<=>(const MemberSlot&, const MemberSlot&) = default;

  private:
    int number_ = 0;
};

/// One life of a member in the cluster: issued by a transaction at each admission, never reused (SAFETY 18). 0: none.
enum class Incarnation : std::uint64_t {};

/// One run of a guest: made at each start and at the destination of each relocation; unique for all time (SAFETY 8,
/// 18).
class RunId {
  public:
    RunId() = default;
    explicit RunId(std::string text) : text_(std::move(text)) {}
    /// 128 random bits as 32 hexadecimal digits, from the kernel.
    [[nodiscard]] static RunId random();
    [[nodiscard]] const std::string& str() const { return text_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }
    friend auto operator<=>(const RunId&, const RunId&) = default;

  private:
    std::string text_;
};

/// UUID of a libvirt domain in its canonical text form: 36 bytes, lower case.
struct GuestUuidRule {
    static Result<void> check(std::string_view text);
};
using GuestUuid = CheckedName<GuestUuidRule>;
/// Of version 4 (RFC 9562), from the kernel.
[[nodiscard]] GuestUuid random_guest_uuid();

}  // namespace ssi

template <class Rule>
struct std::hash<ssi::CheckedName<Rule>> {
    std::size_t operator()(const ssi::CheckedName<Rule>& name) const { return std::hash<std::string>{}(name.str()); }
};
