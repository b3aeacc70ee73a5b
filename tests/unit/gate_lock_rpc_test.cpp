#include <gtest/gtest.h>

#include <random>

#include "daemons/ssid/gate/lock_rpc.hpp"

namespace ssi::gate {
namespace {

Bytes from_hex(std::string_view text) {
    Bytes bytes;
    std::string digits;
    for (const char c : text)
        if (c != ' ') digits += c;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    return bytes;
}

// As libvirt sent them.
const Bytes kRegister = from_hex(
    "00000040 0ea7beef 00000001 00000001 00000000 00000000 00000000"
    "11111111222233334444555555555501 00000003 6c6b3100 00000001 000034ef 00000000");
const Bytes kRestrict = from_hex("00000020 0ea7beef 00000001 00000002 00000000 00000001 00000000 00000000");
const Bytes kAcquire = from_hex(
    "00000040 0ea7beef 00000001 00000006 00000000 00000001 00000000"
    "00000000 00000015 2f746d702f6c6f636b642f696d672f72772e696d67000000 00000001");
const Bytes kOkReply = from_hex("0000001c 0ea7beef 00000001 00000006 00000001 00000001 00000000");
const Bytes kErrorReply = from_hex(
    "0000005c 0ea7beef 00000001 00000006 00000001 00000001 00000001"
    "00000057 0000002a 00000001 0000000d 5353492d31303436 206e6f2121000000"
    "00000002 00000000 00000000 00000000 00000000 ffffffff ffffffff 00000000");

template <class Call>
Call decoded(const Bytes& message) {
    return std::get<Call>(decode_lock_call(message).value());
}

void put_number(Bytes& message, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) message[at + i] = static_cast<std::byte>(value >> (24 - 8 * i));
}

TEST(LockRpc, register_as_libvirt_sends_it_is_understood) {
    const auto call = decoded<RegisterCall>(kRegister);
    EXPECT_EQ(call.uuid.str(), "11111111-2222-3333-4444-555555555501");
    EXPECT_EQ(call.name, "lk1");
    EXPECT_EQ(call.id, 1U);
    EXPECT_EQ(call.pid, 13551U);
}

TEST(LockRpc, restrict_and_acquire_as_libvirt_sends_them_are_understood) {
    EXPECT_EQ(decoded<RestrictCall>(kRestrict).flags, 0U);
    const auto acquire = decoded<AcquireCall>(kAcquire);
    EXPECT_EQ(acquire.path, "");
    EXPECT_EQ(acquire.name, "/tmp/lockd/img/rw.img");
    EXPECT_EQ(acquire.flags, AcquireCall::kShared);
}

TEST(LockRpc, replies_are_the_bytes_that_libvirt_understands) {
    const auto header = decode_lock_header(kAcquire).value();
    EXPECT_EQ(encode_lock_reply(header), kOkReply);
    EXPECT_EQ(encode_lock_error(header, {ErrorCode::kNoRight, "no!!", {}, {}}), kErrorReply);
}

TEST(LockRpc, encoded_calls_decode_to_the_same) {
    EXPECT_EQ(encode_lock_call(decode_lock_call(kRegister).value(), 1, 0), kRegister);
    EXPECT_EQ(encode_lock_call(decode_lock_call(kRestrict).value(), 2, 1), kRestrict);
    EXPECT_EQ(encode_lock_call(decode_lock_call(kAcquire).value(), 6, 1), kAcquire);
    EXPECT_EQ(decoded<ReleaseCall>(encode_lock_call(ReleaseCall{"p", "n", 0}, 7, 3)).name, "n");
    EXPECT_EQ(decoded<LockspaceCall>(encode_lock_call(LockspaceCall{"/space"}, 8, 0)).path, "/space");
}

TEST(LockRpc, length_word_outside_the_bounds_is_refused) {
    for (const auto length : {0U, 27U, 65537U, 0xffffffffU}) {
        Bytes bytes(4);
        put_number(bytes, 0, length);
        EXPECT_FALSE(decode_lock_length(std::span(bytes).first<4>())) << length;
    }
}

TEST(LockRpc, message_cut_short_anywhere_is_refused) {
    for (const auto& message : {kRegister, kRestrict, kAcquire})
        for (std::size_t size = 0; size < message.size(); ++size)
            EXPECT_FALSE(decode_lock_call(std::span(message).first(size))) << size;
}

TEST(LockRpc, message_with_bytes_left_over_is_refused) {
    auto message = kRestrict;
    message.resize(message.size() + 4);
    EXPECT_FALSE(decode_lock_call(message));
}

TEST(LockRpc, string_longer_than_the_message_is_refused) {
    auto message = kRegister;
    for (const auto length : {0x10U, 0x1001U, 0x7fffffffU, 0xfffffffcU, 0xffffffffU}) {
        put_number(message, 44, length);
        EXPECT_FALSE(decode_lock_call(message)) << length;
    }
}

TEST(LockRpc, string_with_nul_is_refused) {
    auto message = kRegister;
    message[48] = std::byte{0};
    EXPECT_FALSE(decode_lock_call(message));
}

TEST(LockRpc, unknown_procedure_program_and_version_are_named) {
    auto message = kRestrict;
    put_number(message, 12, 99);
    EXPECT_TRUE(decode_lock_call(message).error().what.contains("procedure 99"));
    put_number(message, 4, 0x6b656570);
    EXPECT_TRUE(decode_lock_call(message).error().what.contains("0x6b656570"));
}

TEST(LockRpc, reply_is_no_call) {
    EXPECT_FALSE(decode_lock_header(kOkReply));
}

TEST(LockRpc, damaged_bytes_never_decode_beyond_the_message) {
    std::mt19937 random(1);
    for (int round = 0; round < 20'000; ++round) {
        auto message = round % 2 == 0 ? kRegister : kAcquire;
        for (int damage = 0; damage < 3; ++damage)
            message[random() % message.size()] = static_cast<std::byte>(random());
        message.resize(kLockHeaderBytes + random() % (message.size() - kLockHeaderBytes));
        static_cast<void>(decode_lock_call(message));
    }
}

}  // namespace
}  // namespace ssi::gate
