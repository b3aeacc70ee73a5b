// Who is let in at a UNIX socket, and what happens when nobody can be.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <vector>

#include "daemons/ssid/gate/listener.hpp"
#include "daemons/ssid/gate/spawn.hpp"
#include "tests/unit/coroutines.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace ssi::gate::test {
namespace {

using namespace std::chrono_literals;
using ssi::test::run_until;
using ssi::test::TemporaryDirectory;

class ListenerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        auto at = Listener::at(io.get_executor(), path);
        ASSERT_TRUE(at);
        listener.emplace(std::move(*at));
    }
    void listen(std::size_t limit) {
        spawn(io.get_executor(),
              listener->run([this](UnixSocket socket, Peer) { return serve(std::move(socket)); }, limit));
    }
    /// Serves a connection until its other end goes.
    boost::asio::awaitable<void> serve(UnixSocket socket) {
        ++served;
        ++open;
        co_await socket.async_wait(UnixSocket::wait_read, boost::asio::use_awaitable);
        --open;
    }
    UnixSocket connect() {
        UnixSocket socket(io);
        socket.connect(path.string());
        return socket;
    }
    /// Whether the other end has closed it.
    bool is_closed(UnixSocket& socket) {
        return run_until(io, [&] {
            std::array<char, 1> byte{};
            boost::system::error_code error;
            socket.non_blocking(true);
            socket.read_some(boost::asio::buffer(byte), error);
            return error == boost::asio::error::eof;
        });
    }

    TemporaryDirectory directory;
    std::filesystem::path path = directory.path() / "socket";
    boost::asio::io_context io;
    std::optional<Listener> listener;
    int served = 0;
    int open = 0;
};

#ifdef __SANITIZE_ADDRESS__  // with it comes UBSan, which opens a pipe to look at an object's type
constexpr bool kChecksTypes = true;
#else
constexpr bool kChecksTypes = false;
#endif

/// While it lives, this process gets no descriptor more.
class NoDescriptors {
  public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        auto none = before_;
        none.rlim_cur = 0;
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

  private:
    rlimit before_{};
};

TEST_F(ListenerTest, beyond_the_limit_closes_and_serves_again_when_one_has_ended) {
    listen(2);
    std::optional<UnixSocket> first = connect();
    auto second = connect();
    ASSERT_TRUE(run_until(io, [&] { return open == 2; }));
    auto third = connect();
    EXPECT_TRUE(is_closed(third));
    EXPECT_EQ(served, 2);
    first.reset();
    ASSERT_TRUE(run_until(io, [&] { return open == 1; }));
    auto fourth = connect();
    EXPECT_TRUE(run_until(io, [&] { return served == 3; }));
}

TEST_F(ListenerTest, peer_that_is_not_trusted_is_closed) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() != 0) GTEST_SKIP() << "wants root";
    listen(10);
    ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(path.c_str(), 0666), 0);  // as if the mode had been no guard
    ASSERT_EQ(::seteuid(kNobody), 0);
    auto stranger = connect();
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_TRUE(is_closed(stranger));
    EXPECT_EQ(served, 0);
}

TEST_F(ListenerTest, without_descriptors_does_not_spin_and_serves_when_there_are_some) {
    if (kChecksTypes) GTEST_SKIP() << "the sanitizer needs descriptors itself";
    auto waiting = connect();
    listen(10);
    {
        const NoDescriptors none;
        EXPECT_LT(io.run_for(350ms), 30U);
        EXPECT_EQ(served, 0);
    }
    EXPECT_TRUE(run_until(io, [&] { return served == 1; }));
}

TEST_F(ListenerTest, that_is_gone_ends_and_serves_nobody_also_in_its_pause) {
    if (kChecksTypes) GTEST_SKIP() << "the sanitizer needs descriptors itself";
    listen(10);
    auto waiting = connect();
    {
        const NoDescriptors none;
        io.run_for(50ms);
        listener.reset();
    }
    io.restart();
    io.run();  // or this does not end
    EXPECT_EQ(served, 0);
}

}  // namespace
}  // namespace ssi::gate::test
