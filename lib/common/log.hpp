#pragma once
/// Structured journal entries: one line each, with the objects they concern as fields. Thread-safe.

#include <initializer_list>
#include <string>
#include <string_view>

#include "lib/common/error.hpp"

namespace ssi::log {

enum class Level { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6, kDebug = 7 };  ///< As syslog(3).

/// A journal field, for example {"SSI_GUEST", "linux01"}. Names: A-Z, 0-9 and "_".
struct Field {
    std::string_view name;
    std::string_view value;
};

/// Writes to the journal when standard error is connected to it ($JOURNAL_STREAM), else to standard error.
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void error(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::kError, message, fields);
}
inline void warning(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::kWarning, message, fields);
}
inline void notice(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::kNotice, message, fields);
}
inline void info(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::kInfo, message, fields);
}
inline void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(Level::kDebug, message, fields);
}

/// An Error with its code and object as fields; `context` says what the daemon was doing.
void error(std::string_view context, const Error& error);
void warning(std::string_view context, const Error& error);

/// Nothing above this level is written. Default: kInfo; $SSI_LOG_LEVEL (3-7) sets it.
void set_level(Level level);

}  // namespace ssi::log
