#pragma once
/// D-Bus on Asio: sd-bus driven by the daemon's io_context, without a thread. Only bus_*.{hpp,cpp} know sd-bus. Only
/// text goes in and out: our own interfaces answer with one JSON text.

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/common/error.hpp"

namespace ssi {

/// One connection to a bus. Everything runs on, and completes on, the executor given to connect(), which must run on
/// one thread. After a disconnection nothing works any more: the owner waits for closed() and makes a new Bus.
/// Calls and handlers under way may outlive the Bus; they then fail.
class Bus {
  public:
    struct Caller {
        uid_t uid;
        std::string name = {};  ///< Of a user whose call another member has passed on; else empty.
    };
    /// Runs as a coroutine of its own; the caller gets what it returns. A long handler holds up nobody else. An Error,
    /// and an exception, reach the caller as D-Bus error kRefused, whose message is the JSON object of the Error.
    using Handler =
        std::function<boost::asio::awaitable<Result<std::string>>(std::vector<std::string> arguments, Caller caller)>;
    struct Method {
        std::string name;
        std::vector<std::string> arguments;  ///< Their names, shown by `busctl introspect`; each of type "s".
        Handler handler;                     ///< The answer is of type "s".
    };
    /// A signal that the object sends, as `busctl introspect` shows it.
    struct Signal {
        std::string name;
        std::vector<std::string> arguments;  ///< Their names; each of type "s".
    };
    /// Whom a call or a signal concerns.
    struct Target {
        std::string destination;
        std::string path;
        std::string interface;
    };
    /// The signal's arguments as text; those after the first that is of no basic type are left out.
    using SignalHandler = std::function<void(const std::vector<std::string>& arguments)>;

    static constexpr auto kRefused = "org.kvmssi.Error.Refused";

    /// Begins to connect to the system bus ($DBUS_SYSTEM_BUS_ADDRESS, when set, says where it is), or to `address`.
    /// Error: kDaemonUnreachable. Returns before the bus has said hello: what is asked meanwhile is queued.
    [[nodiscard]] static Result<Bus> connect(boost::asio::any_io_executor executor, const std::string& address = {});

    Bus(Bus&&) noexcept;
    Bus& operator=(Bus&&) noexcept;
    ~Bus();

    /// Offers methods at an object path, and says which signals it sends, until the Bus goes. Call it before
    /// request_name(). Error: kSystemFailed.
    [[nodiscard]] Result<void> export_object(const std::string& path, const std::string& interface,
                                             std::vector<Method> methods, std::vector<Signal> signals = {});
    /// Sends one of these signals to all who want it; queued when the bus is slow. Errors: kUsage (not what the
    /// object said it sends, or no valid UTF-8), kDaemonUnreachable.
    [[nodiscard]] Result<void> emit(const std::string& path, const std::string& interface, const std::string& signal,
                                    const std::vector<std::string>& arguments);
    /// Takes a well-known name. Error: kDaemonUnreachable (also: another process has the name, or policy denies it).
    boost::asio::awaitable<Result<void>> request_name(std::string name);

    /// Calls a method whose arguments are texts; its answer is one text or object path, or nothing (then ""). Errors:
    /// what the method was refused with (kRefused); kDaemonUnreachable: nobody has that name, no answer within the
    /// timeout or the connection is gone (whether the method did its work is then not known), or policy denies the
    /// call; kProtocolViolated for any other D-Bus error, whose name is the Error's object.
    boost::asio::awaitable<Result<std::string>> call(Target target, std::string method,
                                                     std::vector<std::string> arguments,
                                                     std::chrono::milliseconds timeout);

    /// Calls the handler for each such signal of `target`, until the Bus goes. The subscription comes before every
    /// later call() on the wire. Error: kDaemonUnreachable.
    [[nodiscard]] Result<void> on_signal(const Target& target, const std::string& signal, SignalHandler handler);

    /// Waits, without limit, until the connection is gone, and says why.
    boost::asio::awaitable<Error> closed();

    class Connection;

  private:
    explicit Bus(std::shared_ptr<Connection> connection);
    std::shared_ptr<Connection> connection_;
};

}  // namespace ssi
