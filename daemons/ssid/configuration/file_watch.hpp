#pragma once
/// Tells when a file is written or replaced, whoever does it.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <string>

#include "lib/common/error.hpp"

namespace ssi::cluster {

/// inotify on its directory: editors and `ssictl config push` put another file in its place.
class FileWatch {
  public:
    /// Error: kSystemFailed.
    [[nodiscard]] static Result<FileWatch> open(const boost::asio::any_io_executor& executor,
                                                const std::filesystem::path& file);
    /// Waits, without limit, for the next change after open() or the last call. Error: kSystemFailed.
    boost::asio::awaitable<Result<void>> next();

  private:
    FileWatch(boost::asio::posix::stream_descriptor events, std::string name)
        : events_(std::move(events)), name_(std::move(name)) {}

    boost::asio::posix::stream_descriptor events_;
    std::string name_;
};

}  // namespace ssi::cluster
