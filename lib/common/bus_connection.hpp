#pragma once
/// What is behind a Bus: sd-bus and its waits in bus_connection.cpp, what it serves in bus_serving.cpp.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/common/bus.hpp"
#include "lib/common/bus_message.hpp"
#include "lib/common/notifier.hpp"

namespace ssi {

/// Coroutines under way hold it too, so that it is there when they come back.
class Bus::Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(boost::asio::any_io_executor executor, bus::Handle handle)
        : bus_(std::move(handle)), executor_(executor), descriptor_(executor), timer_(executor), closed_(executor) {}

    Result<void> start();
    void close(Error reason);
    Result<void> export_object(const std::string& path, const std::string& interface, std::vector<Method> methods,
                               std::vector<Signal> signals);
    Result<void> emit(const std::string& path, const std::string& interface, const std::string& signal,
                      const std::vector<std::string>& arguments);
    Result<void> on_signal(const Target& target, const std::string& signal, SignalHandler handler);

    /// Sends a call made by the functions below and waits for its answer, which may be an error answer.
    boost::asio::awaitable<Result<bus::Message>> exchange(bus::Message request, std::chrono::milliseconds timeout);
    Result<bus::Message> make_call(const Target& target, const std::string& method,
                                   const std::vector<std::string>& arguments) const;
    boost::asio::awaitable<Error> wait_closed();

    sd_bus* get() const { return bus_.get(); }

  private:
    struct Exported {
        Connection* connection;
        std::string path;
        std::string interface;
        std::vector<Method> methods;
        std::vector<Signal> signals;
        std::list<std::string> texts;  // signatures and names of arguments: the vtable points to them
        std::vector<sd_bus_vtable> vtable;
        bus::Slot slot;
    };
    struct Subscription {
        SignalHandler handler;
        bus::Slot slot;
    };
    /// A call under way; known to close() as long as it lives.
    struct PendingCall {
        explicit PendingCall(Connection& connection);
        PendingCall(const PendingCall&) = delete;
        PendingCall& operator=(const PendingCall&) = delete;
        ~PendingCall() { known_in.erase(this); }
        std::set<PendingCall*>& known_in;
        boost::asio::steady_timer answered;
        bus::Message answer;
    };

    static int on_method(sd_bus_message* message, void* exported, sd_bus_error*) noexcept;
    static int on_answer(sd_bus_message* message, void* pending_call, sd_bus_error*) noexcept;
    static int on_subscribed(sd_bus_message* message, void* subscription, sd_bus_error*) noexcept;

    void pump();
    void watch();
    void watch_descriptor(boost::asio::posix::stream_descriptor::wait_type what, bool& watched);
    boost::asio::awaitable<void> serve(bus::Message request, Handler handler);
    boost::asio::awaitable<Result<Caller>> caller_of(sd_bus_message* request);
    void answer(sd_bus_message* request, const Result<std::string>& result);

    // The slots below are gone before the bus.
    bus::Handle bus_;
    boost::asio::any_io_executor executor_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer timer_;
    Notifier closed_;
    std::optional<Error> reason_;
    bool reading_ = false;
    bool writing_ = false;
    std::list<Exported> exported_;
    std::list<Subscription> subscriptions_;
    std::set<PendingCall*> pending_;
};

}  // namespace ssi
