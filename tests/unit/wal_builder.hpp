#pragma once
/// etcd's write-ahead log, written by hand.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "daemons/ssid/engine/wal_log.hpp"

namespace ssi::cluster {

/// One file of it: records one after the other, then zeroes.
class WalBuilder {
  public:
    explicit WalBuilder(std::uint32_t crc = 0) : crc_(crc) { record(4, "", true); }
    WalBuilder& identity(std::uint64_t voter, std::uint64_t cluster) {
        return record(1, field(1, voter) + field(2, cluster));
    }
    WalBuilder& entry(std::uint64_t term, std::uint64_t index, const std::string& data = "write") {
        return record(2, field(1, 0) + field(2, term) + field(3, index) + bytes(4, data));
    }
    WalBuilder& state(std::uint64_t term, std::uint64_t vote, std::uint64_t commit) {
        return record(3, field(1, term) + field(2, vote) + field(3, commit));
    }
    WalBuilder& snapshot(std::uint64_t index, std::uint64_t term) {
        return record(5, field(1, index) + field(2, term));
    }
    /// What a power cut leaves of a record: its length, and sectors of zeroes.
    WalBuilder& torn() {
        text_ += frame_word(2000) + "begun";
        return *this;
    }
    [[nodiscard]] std::uint32_t crc() const { return crc_; }
    [[nodiscard]] const std::string& text() const { return text_; }
    void write(const std::filesystem::path& file, std::size_t size = 1U << 16U) const {
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text_ << std::string(size - text_.size(), '\0');
    }

  private:
    static std::string varint(std::uint64_t value) {
        std::string text;
        for (; value >= 0x80U; value >>= 7U) text.push_back(static_cast<char>(value | 0x80U));
        text.push_back(static_cast<char>(value));
        return text;
    }
    static std::string field(std::uint64_t number, std::uint64_t value) { return varint(number << 3U) + varint(value); }
    static std::string bytes(std::uint64_t number, const std::string& data) {
        return varint(number << 3U | 2U) + varint(data.size()) + data;
    }
    static std::string frame_word(std::uint64_t size) {
        const auto padding = (8 - size % 8) % 8;
        if (padding != 0) size |= (0x80U | padding) << 56U;
        std::string word;
        for (int index = 0; index < 8; ++index, size >>= 8U) word.push_back(static_cast<char>(size & 0xffU));
        return word;
    }
    WalBuilder& record(std::uint64_t type, const std::string& data, bool is_chain = false) {
        if (!is_chain) crc_ = crc32c(crc_, data);
        const auto record = field(1, type) + field(2, crc_) + (is_chain ? "" : bytes(3, data));
        text_ += frame_word(record.size()) + record + std::string((8 - record.size() % 8) % 8, '\0');
        return *this;
    }

    std::uint32_t crc_;
    std::string text_;
};

}  // namespace ssi::cluster
