#include "lib/common/json_message.hpp"

#include <boost/json/parse.hpp>
#include <format>
#include <utility>

namespace ssi::json {
namespace {

std::unexpected<Error> bad_field(std::string_view field, std::string_view wanted) {
    return failure(ErrorCode::kProtocolViolated, std::format("field '{}' is missing or is no {}", field, wanted),
                   std::string(field));
}

}  // namespace

Result<Object> parse(std::string_view text, std::string_view source, std::size_t limit,
                     boost::json::storage_ptr memory) {
    if (text.size() > limit)
        return failure(ErrorCode::kProtocolViolated,
                       std::format("message of {} bytes from {} is over the limit of {}", text.size(), source, limit),
                       std::string(source));
    boost::system::error_code error;
    auto value = boost::json::parse(text, error, std::move(memory));
    if (error || !value.is_object())
        return failure(ErrorCode::kProtocolViolated,
                       std::format("{} sent what is no JSON object{}", source, error ? ": " + error.message() : ""),
                       std::string(source));
    return std::move(value.as_object());
}

Result<std::string> text(const Object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    if (value == nullptr || !value->is_string()) return bad_field(field, "text");
    return std::string(value->get_string());
}

Result<std::int64_t> number(const Object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    boost::system::error_code error;
    if (value == nullptr || !value->is_number()) return bad_field(field, "number");
    const auto result = value->to_number<std::int64_t>(error);
    if (error) return bad_field(field, "whole number");
    return result;
}

Result<std::uint64_t> unsigned_number(const Object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    boost::system::error_code error;
    if (value == nullptr || !value->is_number()) return bad_field(field, "number");
    const auto result = value->to_number<std::uint64_t>(error);
    if (error) return bad_field(field, "whole number from 0 on");
    return result;
}

Result<bool> boolean(const Object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    if (value == nullptr || !value->is_bool()) return bad_field(field, "true or false");
    return value->get_bool();
}

Result<Object> object(const Object& object, std::string_view field) {
    const auto* value = object.if_contains(field);
    if (value == nullptr || !value->is_object()) return bad_field(field, "object");
    return value->get_object();
}

std::string text_or(const Object& object, std::string_view field, std::string_view otherwise) {
    return text(object, field).value_or(std::string(otherwise));
}

std::int64_t number_or(const Object& object, std::string_view field, std::int64_t otherwise) {
    return number(object, field).value_or(otherwise);
}

bool boolean_or(const Object& object, std::string_view field, bool otherwise) {
    return boolean(object, field).value_or(otherwise);
}

Object from_error(const Error& error) {
    return {{"code", std::to_underlying(error.code)},
            {"what", error.what},
            {"object", error.object},
            {"remedy", error.remedy}};
}

Error to_error(const Object& object) {
    return {static_cast<ErrorCode>(number_or(object, "code", std::to_underlying(ErrorCode::kProtocolViolated))),
            text_or(object, "what", "an error without a text"), text_or(object, "object", ""),
            text_or(object, "remedy", "")};
}

}  // namespace ssi::json
