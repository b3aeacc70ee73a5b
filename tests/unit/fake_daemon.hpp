#pragma once
/// A daemon on a bus of the test's own.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "lib/common/bus.hpp"

namespace ssi::test {

/// Answers as a daemon does, on a thread of its own.
class FakeDaemon {
  public:
    FakeDaemon(const std::string& address, const std::string& path, const std::string& name,
               const std::vector<Bus::Method>& methods) {
        std::promise<bool> ready;
        thread_ = std::jthread([this, &ready, &path, &name, &methods, address] {
            auto bus = Bus::connect(io_.get_executor(), address).value();
            bool exported = bus.export_object(path, name, methods).has_value();
            boost::asio::co_spawn(io_, bus.request_name(name), [&](std::exception_ptr, const Result<void>& named) {
                ready.set_value(exported && named);
            });
            const auto work = boost::asio::make_work_guard(io_);
            io_.run();
        });
        EXPECT_TRUE(ready.get_future().get());
    }
    ~FakeDaemon() { io_.stop(); }

  private:
    boost::asio::io_context io_;
    std::jthread thread_;
};

}  // namespace ssi::test
