// isfc_load: puts a load on a stream and says what came of it, as a line of JSON. Part of tests/bench/isfc.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/isfc_load/byte_stream.hpp"
#include "tests/bench/isfc_load/round_trip.hpp"
#include "tests/bench/isfc_load/transfer.hpp"

namespace json = boost::json;
using namespace ssi::bench;

namespace {

struct Options {
    std::vector<std::string> connect;
    std::string listen;
    std::size_t streams = 1;  // to or from each endpoint
    double seconds = 1;
    double after = 0;
    double skip = 0;
    double window = 0;
    std::size_t block = 256 * 1024;
    double interval_us = 2000;
    Identity identity;
};

void print(const json::object& line) {
    std::puts(json::serialize(line).c_str());
    std::fflush(stdout);
}

std::chrono::nanoseconds seconds(double number) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(number * 1e9));
}

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

Streams connect_all(const Options& options) {
    Streams streams;
    for (const auto& text : options.connect)
        for (std::size_t i = 0; i < options.streams; ++i)
            streams.push_back(connect(Endpoint::parse(text), options.identity));
    return streams;
}

Streams accept_all(Listener& listener, const Options& options) {
    print({{"listening", options.listen}});
    Streams streams;
    while (streams.size() < options.streams) streams.push_back(listener.accept(options.identity));
    return streams;
}

json::object source(const Options& options) {
    const auto streams = connect_all(options);
    return {{"bytes", send_for(streams, seconds(options.seconds), options.block)}};
}

json::object sink(const Options& options) {
    Listener listener(Endpoint::parse(options.listen));  // to the end: MPTCP's further subflows come to it too
    const auto streams = accept_all(listener, options);
    const auto received = receive_all(streams, seconds(options.skip), seconds(options.window));
    json::array gaps;
    for (const auto& gap : received.gaps)
        gaps.push_back(json::array{gap.since.time_since_epoch().count(), gap.length.count()});
    return {{"bytes", received.bytes}, {"rate", received.rate}, {"gaps_ns", std::move(gaps)}};
}

json::object ping(const Options& options) {
    const auto streams = connect_all(options);
    std::this_thread::sleep_for(seconds(options.after));
    const auto found =
        measure_round_trips(*streams.at(0), seconds(options.seconds), seconds(options.interval_us / 1e6));
    const auto percentile = [&](double share) {
        return static_cast<double>(
                   found[static_cast<std::size_t>(share * static_cast<double>(found.size() - 1))].count()) /
               1e3;
    };
    return {
        {"count", found.size()}, {"p50_us", percentile(0.5)}, {"p99_us", percentile(0.99)}, {"max_us", percentile(1)}};
}

json::object answer(const Options& options) {
    Listener listener(Endpoint::parse(options.listen));
    echo(*accept_all(listener, options).at(0));
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    Options options;
    json::object (*work)(const Options&) = nullptr;
    CLI::App app("Puts a load on streams. ENDPOINT: unix:PATH, tcp:ADDRESS:PORT, mptcp:..., tls:...");
    app.require_subcommand(1);
    const auto command = [&](const char* name, const char* text, json::object (*function)(const Options&),
                             bool listens) {
        auto* sub = app.add_subcommand(name, text);
        sub->callback([&work, function] { work = function; });
        if (listens)
            sub->add_option("--listen", options.listen, "ENDPOINT")->required();
        else
            sub->add_option("--connect", options.connect, "ENDPOINT, repeatable")->required();
        sub->add_option("--streams", options.streams, "How many (to each endpoint)");
        sub->add_option("--pki", options.identity.directory, "For tls: ca.crt, MEMBER.crt, MEMBER.key");
        sub->add_option("--member", options.identity.member, "For tls");
        return sub;
    };
    auto* sending = command("source", "Sends", source, false);
    sending->add_option("--seconds", options.seconds);
    sending->add_option("--block", options.block, "Bytes in a write, a multiple of 16384");
    auto* receiving = command("sink", "Receives, checks and times", sink, true);
    receiving->add_option("--skip", options.skip, "Seconds from the first byte to the window");
    receiving->add_option("--window", options.window, "Seconds in which the rate is taken");
    auto* asking = command("ping", "Measures round trips", ping, false);
    asking->add_option("--after", options.after, "Seconds between connecting and the first message");
    asking->add_option("--seconds", options.seconds);
    asking->add_option("--interval-us", options.interval_us);
    command("echo", "Answers pings", answer, true);
    CLI11_PARSE(app, argc, argv);

    try {
        auto result = work(options);
        result["cpu_seconds"] = cpu_seconds();
        print(result);
        return 0;
    } catch (const std::exception& error) {
        print({{"error", error.what()}});
        return 1;
    }
}
