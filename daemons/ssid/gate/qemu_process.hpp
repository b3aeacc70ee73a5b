#pragma once
/// A QEMU process, held by a pidfd: it is never mistaken for another process, and its end cannot be missed.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <optional>

#include "daemons/ssid/gate/right_table.hpp"
#include "lib/common/error.hpp"

namespace ssi::gate {

/// The process was started to receive a memory image: libvirt gives such a QEMU the option "-incoming". False also when
/// it is gone.
[[nodiscard]] bool awaits_migration(pid_t pid);

/// Owns its descriptor. The process is gone when `descriptor()` is readable, reaped by its parent or not.
class QemuProcess {
  public:
    using Descriptor = boost::asio::posix::stream_descriptor;

    /// The process at the other end of a connected socket that is `pid` (SO_PEERCRED), and is still there. Errors:
    /// kSystemFailed, also when it has gone meanwhile.
    [[nodiscard]] static Result<QemuProcess> at_socket(const boost::asio::any_io_executor& executor, int socket,
                                                       pid_t pid);

    /// The process with this pid and start; none when it is gone. Error: kSystemFailed when that cannot be told.
    [[nodiscard]] static Result<std::optional<QemuProcess>> find(const boost::asio::any_io_executor& executor,
                                                                 const ProcessId& id);

    /// Takes over a pidfd that was stored for this process.
    [[nodiscard]] static QemuProcess adopt(const boost::asio::any_io_executor& executor, int pidfd,
                                           const ProcessId& id);

    [[nodiscard]] const ProcessId& id() const { return id_; }
    [[nodiscard]] Descriptor& descriptor() { return descriptor_; }
    [[nodiscard]] bool is_gone();

    /// SIGKILL. No error when it is gone already. Error: kSystemFailed.
    Result<void> kill();

  private:
    QemuProcess(Descriptor descriptor, const ProcessId& id) : descriptor_(std::move(descriptor)), id_(id) {}

    Descriptor descriptor_;
    ProcessId id_;
};

}  // namespace ssi::gate
