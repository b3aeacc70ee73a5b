#include "daemons/ssid/engine/wal_log.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <fstream>
#include <optional>
#include <system_error>
#include <vector>

#include "lib/common/durable_file.hpp"

namespace ssi::cluster {
namespace {

namespace fs = std::filesystem;

enum RecordType : std::uint64_t { kMetadata = 1, kEntry = 2, kState = 3, kCrc = 4, kSnapshot = 5 };

constexpr std::size_t kFrameWord = 8;
constexpr std::size_t kSector = 512;
constexpr std::size_t kHeadBytes = 1U << 16U;

std::unexpected<Error> damaged(const fs::path& file, std::string_view why) {
    return failure(ErrorCode::kEngineFailed, std::format("the engine's log {} is damaged: {}", file.native(), why),
                   file.native(), "take the data of another voter, or a backup: ssictl engine restore");
}

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t index = kFrameWord; index-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[index]);
    return value;
}

/// The fields of a protobuf message; those that are no varint and no bytes end it.
class Fields {
  public:
    struct Field {
        std::uint64_t number = 0;
        std::uint64_t value = 0;
        std::string_view bytes;
    };
    explicit Fields(std::string_view message) : rest_(message) {}
    std::optional<Field> next() {
        const auto tag = varint();
        if (!tag) return std::nullopt;
        Field field{*tag >> 3U, 0, {}};
        const auto value = varint();
        if (!value) return std::nullopt;
        if ((*tag & 7U) == 0) {
            field.value = *value;
            return field;
        }
        if ((*tag & 7U) != 2 || *value > rest_.size()) return std::nullopt;
        field.bytes = rest_.substr(0, *value);
        rest_.remove_prefix(*value);
        return field;
    }

  private:
    std::optional<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
            const auto byte = static_cast<unsigned char>(rest_.front());
            rest_.remove_prefix(1);
            value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
            if ((byte & 0x80U) == 0) return value;
        }
        return std::nullopt;
    }
    std::string_view rest_;
};

std::uint64_t field_of(std::string_view message, std::uint64_t number) {
    Fields fields(message);
    while (const auto field = fields.next())
        if (field->number == number) return field->value;
    return 0;
}

struct Record {
    std::uint64_t type = 0;
    std::uint32_t crc = 0;
    std::string_view data;
};

Record parse_record(std::string_view message) {
    Record record;
    Fields fields(message);
    while (const auto field = fields.next()) {
        if (field->number == 1) record.type = field->value;
        if (field->number == 2) record.crc = static_cast<std::uint32_t>(field->value);
        if (field->number == 3) record.data = field->bytes;
    }
    return record;
}

/// A sector that a power cut kept from being written, as etcd looks for it.
bool has_empty_sector(std::string_view frame, std::size_t offset) {
    while (!frame.empty()) {
        const auto size = std::min(frame.size(), kSector - offset % kSector);
        if (std::ranges::all_of(frame.substr(0, size), [](char byte) { return byte == '\0'; })) return true;
        frame.remove_prefix(size);
        offset += size;
    }
    return false;
}

void take(const Record& record, WalLog& log) {
    switch (record.type) {
        case kMetadata:
            log.voter_id = field_of(record.data, 1);
            log.cluster_id = field_of(record.data, 2);
            break;
        case kEntry:  // one that was replaced in a later term comes again, with the same or a lower index
            log.last_term = field_of(record.data, 2);
            log.last_index = field_of(record.data, 3);
            break;
        case kState:
            log.term = field_of(record.data, 1);
            log.vote = field_of(record.data, 2);
            log.commit = field_of(record.data, 3);
            break;
        case kSnapshot:
            if (field_of(record.data, 1) > log.last_index) {
                log.last_index = field_of(record.data, 1);
                log.last_term = field_of(record.data, 2);
            }
            break;
        default:
            break;
    }
}

/// Reads one file, or its head, and goes on from where `log` is.
Result<void> read_file(const fs::path& file, std::string_view text, bool is_last, WalLog& log) {
    log.last_file = file;
    log.end = 0;
    while (log.end + kFrameWord <= text.size()) {
        const auto word = little_endian(text.substr(log.end, kFrameWord));
        if (word == 0) return {};
        const std::size_t size = word & 0x00ff'ffff'ffff'ffffU;
        const std::size_t padding = (word >> 63U) != 0 ? (word >> 56U) & 7U : 0;
        const auto begin = log.end + kFrameWord;
        log.torn = true;
        if (size > text.size() - begin || padding > text.size() - begin - size) break;
        const auto frame = text.substr(begin, size);
        const auto record = parse_record(frame);
        if (record.type == kCrc) {
            if (log.crc != 0 && record.crc != log.crc) return damaged(file, "it does not follow the file before it");
            log.crc = record.crc;
        } else {
            const auto crc = crc32c(log.crc, record.data);
            if (record.crc != crc && has_empty_sector(frame, begin)) break;
            if (record.crc != crc) return damaged(file, std::format("wrong checksum at {}", log.end));
            log.crc = crc;
            take(record, log);
        }
        log.torn = false;
        log.end = begin + size + padding;
    }
    if (log.torn && !is_last) return damaged(file, std::format("it breaks off at {}", log.end));
    return {};
}

Result<std::vector<fs::path>> files_of(const fs::path& directory) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
        if (entry->path().extension() == ".wal") files.push_back(entry->path());
    if (error && error != std::errc::no_such_file_or_directory)
        return system_failure(std::format("cannot look into {}", directory.native()), directory.native(),
                              error.value());
    if (files.empty())
        return failure(ErrorCode::kEngineFailed, std::format("there is no log of etcd in {}", directory.native()),
                       directory.native());
    std::ranges::sort(files);
    return files;
}

void append_field(std::string& message, std::uint64_t number, std::uint64_t value) {
    message.push_back(static_cast<char>(number << 3U));
    for (; value >= 0x80U; value >>= 7U) message.push_back(static_cast<char>(value | 0x80U));
    message.push_back(static_cast<char>(value));
}

std::string state_frame(const WalLog& log) {
    std::string state;
    const auto term = std::max(log.term, log.last_term);
    append_field(state, 1, term);
    append_field(state, 2, term == log.term ? log.vote : 0);
    append_field(state, 3, log.last_index);
    std::string record;
    append_field(record, 1, kState);
    append_field(record, 2, crc32c(log.crc, state));
    record.push_back(static_cast<char>(3U << 3U | 2U));
    record.push_back(static_cast<char>(state.size()));  // at most 33 bytes
    record += state;
    const std::size_t padding = (kFrameWord - record.size() % kFrameWord) % kFrameWord;
    std::string frame;
    for (std::size_t index = 0; index < kFrameWord - 1; ++index)
        frame.push_back(static_cast<char>(index == 0 ? record.size() : 0));  // less than 256 bytes
    frame.push_back(static_cast<char>(padding == 0 ? 0U : 0x80U | padding));
    return frame + record + std::string(padding, '\0');
}

}  // namespace

std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes) {
    static const auto kTable = [] {
        std::array<std::uint32_t, 256> table{};
        for (std::uint32_t index = 0; index < table.size(); ++index) {
            auto value = index;
            for (int bit = 0; bit < 8; ++bit) value = (value & 1U) != 0 ? value >> 1U ^ 0x82f63b78U : value >> 1U;
            table[index] = value;
        }
        return table;
    }();
    crc = ~crc;
    for (const char byte : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xffU] ^ crc >> 8U;
    return ~crc;
}

Result<WalLog> read_wal(const fs::path& directory) {
    const auto files = files_of(directory);
    if (!files) return std::unexpected(files.error());
    WalLog log;
    for (const auto& file : *files) {
        const auto text = read_if_exists(file);
        if (!text) return std::unexpected(text.error());
        if (auto read = read_file(file, text->value_or(""), &file == &files->back(), log); !read)
            return std::unexpected(read.error());
    }
    if (log.voter_id == 0) return damaged(files->front(), "it does not say whose it is");
    return log;
}

Result<WalLog> read_wal_identity(const fs::path& directory) {
    const auto files = files_of(directory);
    if (!files) return std::unexpected(files.error());
    std::ifstream stream(files->front(), std::ios::binary);
    std::string head(kHeadBytes, '\0');
    stream.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<std::size_t>(stream.gcount()));
    WalLog log;
    // Its etcd may be writing behind the head: only what stands before that counts.
    if (auto read = read_file(files->front(), head, true, log); !read && log.voter_id == 0)
        return std::unexpected(read.error());
    if (log.voter_id == 0) return damaged(files->front(), "it does not say whose it is");
    return log;
}

Result<void> commit_wal(const fs::path& directory) {
    const auto log = read_wal(directory);
    if (!log) return std::unexpected(log.error());
    auto text = state_frame(*log);
    const auto size = fs::file_size(log->last_file);
    // What a crash left there would else be taken for the beginning of a record.
    if (log->torn && size > log->end + text.size()) text.resize(size - log->end, '\0');
    return overwrite_durably(log->last_file, log->end, text);
}

}  // namespace ssi::cluster
