#include "daemons/ssid/guests/libvirt_definitions.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <format>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "daemons/ssid/guests/libvirt_connection.hpp"
#include "lib/common/log.hpp"

namespace ssi::cluster {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using libvirt::Domain;
using libvirt::last_error;
using libvirt::last_error_is;

constexpr auto kAgain = 1s;
constexpr auto kSurveyTimeout = 120s;  // Ten thousand definitions take seconds.

/// None: it has no persistent definition, or has gone since it was listed, or no guest of the cluster can be called so.
Result<std::optional<LocalDefinition>> read(virDomain* domain) {
    const int persistent = virDomainIsPersistent(domain);
    const auto name = GuestName::parse(virDomainGetName(domain));
    if (persistent == 0 || !name) return std::nullopt;
    std::array<char, VIR_UUID_STRING_BUFLEN> text{};
    if (persistent < 0 || virDomainGetUUIDString(domain, text.data()) < 0) {
        if (last_error_is(VIR_ERR_NO_DOMAIN)) return std::nullopt;
        return std::unexpected(last_error(std::format("look at guest {}", name->str()), name->str()));
    }
    const auto uuid = GuestUuid::parse(text.data());
    if (!uuid) return std::unexpected(uuid.error());
    auto xml = libvirt::definition(domain, *name);
    if (!xml) {
        if (last_error_is(VIR_ERR_NO_DOMAIN)) return std::nullopt;
        return std::unexpected(xml.error());
    }
    return LocalDefinition{*name, *uuid, *std::move(xml), virDomainIsActive(domain) == 1};
}

Result<std::vector<LocalDefinition>> read_all(const std::string& uri) {
    const auto connection = libvirt::open(uri, false);
    if (!connection) return std::unexpected(connection.error());
    virDomainPtr* raw = nullptr;
    const int count = virConnectListAllDomains(connection->get(), &raw, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);
    if (count < 0) return std::unexpected(last_error("list the definitions", "libvirt"));
    const std::unique_ptr<virDomainPtr, decltype([](virDomainPtr* array) { std::free(array); })> array(raw);
    std::vector<Domain> domains;
    for (auto* domain : std::span(raw, static_cast<std::size_t>(count))) domains.emplace_back(domain);
    std::vector<LocalDefinition> all;
    for (const auto& domain : domains) {
        auto one = read(domain.get());
        if (!one) return std::unexpected(one.error());
        if (*one) all.push_back(**std::move(one));
    }
    return all;
}

Result<std::optional<LocalDefinition>> read_one(const std::string& uri, const GuestName& guest) {
    const auto connection = libvirt::open(uri, false);
    if (!connection) return std::unexpected(connection.error());
    const Domain domain(virDomainLookupByName(connection->get(), guest.str().c_str()));
    if (domain) return read(domain.get());
    if (last_error_is(VIR_ERR_NO_DOMAIN)) return std::nullopt;
    return std::unexpected(last_error(std::format("find guest {}", guest.str()), guest.str()));
}

/// libvirt's codes for what is wrong with the XML itself.
bool is_about_the_xml() {
    return last_error_is(VIR_ERR_XML_ERROR) || last_error_is(VIR_ERR_XML_DETAIL) ||
           last_error_is(VIR_ERR_XML_INVALID_SCHEMA) || last_error_is(VIR_ERR_CONFIG_UNSUPPORTED) ||
           last_error_is(VIR_ERR_OS_TYPE);
}

Result<LocalDefinition> define_now(const std::string& uri, const std::string& xml, Schema schema) {
    const auto connection = libvirt::open(uri, false);
    if (!connection) return std::unexpected(connection.error());
    const Domain domain(virDomainDefineXMLFlags(connection->get(), xml.c_str(),
                                                schema == Schema::kChecked ? VIR_DOMAIN_DEFINE_VALIDATE : 0));
    if (!domain) {
        const bool is_invalid = is_about_the_xml();
        auto error = last_error("define the guest", "");
        if (is_invalid) error.code = ErrorCode::kDefinitionInvalid;
        return std::unexpected(std::move(error));
    }
    auto defined = read(domain.get());
    if (!defined) return std::unexpected(defined.error());
    if (*defined) return **std::move(defined);
    const std::string name = virDomainGetName(domain.get());
    return failure(ErrorCode::kDefinitionInvalid,
                   std::format("no guest of the cluster can be called '{}', or it was undefined at once", name), name);
}

Result<void> undefine_now(const std::string& uri, const GuestName& guest) {
    const auto connection = libvirt::open(uri, false);
    if (!connection) return std::unexpected(connection.error());
    const Domain domain(virDomainLookupByName(connection->get(), guest.str().c_str()));
    if (!domain && last_error_is(VIR_ERR_NO_DOMAIN)) return {};
    if (!domain) return std::unexpected(last_error(std::format("find guest {}", guest.str()), guest.str()));
    if (virDomainIsPersistent(domain.get()) == 0) return {};
    if (virDomainUndefineFlags(domain.get(), VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM) == 0)
        return {};
    // A driver without NVRAM knows no flags about it.
    if (last_error_is(VIR_ERR_INVALID_ARG) && virDomainUndefine(domain.get()) == 0) return {};
    if (last_error_is(VIR_ERR_NO_DOMAIN)) return {};
    return std::unexpected(last_error(std::format("undefine guest {}", guest.str()), guest.str()));
}

}  // namespace

/// Where libvirt's thread leaves what it has to say. It may come while, and after, all else is taken down, and libvirt
/// does not say when it was the last time: so a mailbox is never freed.
struct LibvirtDefinitions::Mailbox {
    Mailbox(LibvirtDefinitions& of, asio::any_io_executor by) : owner(&of), executor(std::move(by)) {}

    static Mailbox& made_for(LibvirtDefinitions& owner, asio::any_io_executor executor) {
        static std::list<Mailbox> all;
        const std::lock_guard lock(mutex);
        return all.emplace_back(owner, std::move(executor));
    }
    /// `act` is called on the io_context, unless the owner has gone by then.
    template <class Act>
    static void pass_on(void* opaque, Act act) {
        auto& mailbox = *static_cast<Mailbox*>(opaque);
        const std::lock_guard lock(mutex);
        if (mailbox.owner == nullptr) return;
        asio::post(mailbox.executor, [&mailbox, act = std::move(act)] {
            if (mailbox.owner != nullptr) act(*mailbox.owner);
        });
    }
    void close() {
        const std::lock_guard lock(mutex);
        owner = nullptr;
        executor = {};
    }

    /// Of all: what made_for wrote reaches libvirt's thread by it, whatever libvirt does in between.
    static inline std::mutex mutex;
    LibvirtDefinitions* owner;  // Changed on the io_context alone, and under the mutex.
    asio::any_io_executor executor;
};

/// A connection that hears of definitions. Made and taken down on any thread.
class LibvirtDefinitions::Subscription {
  public:
    Subscription() = default;
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    /// Each callback holds the connection, which would never be closed.
    ~Subscription() {
        if (!connection_) return;
        if (event_ >= 0) virConnectDomainEventDeregisterAny(connection_.get(), event_);
        virConnectUnregisterCloseCallback(connection_.get(), &Subscription::on_closed);
    }

    /// Blocks.
    static Result<std::shared_ptr<Subscription>> open(const std::string& uri, Mailbox& mailbox) {
        auto connection = libvirt::open(uri, true);
        if (!connection) return std::unexpected(connection.error());
        auto made = std::make_shared<Subscription>();
        made->connection_ = *std::move(connection);
        auto* libvirt = made->connection_.get();
        if (virConnectRegisterCloseCallback(libvirt, &on_closed, &mailbox, nullptr) < 0 &&
            !last_error_is(VIR_ERR_NO_SUPPORT))
            return std::unexpected(last_error("notice the end of libvirt", "libvirt"));
        made->event_ = virConnectDomainEventRegisterAny(libvirt, nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                                        VIR_DOMAIN_EVENT_CALLBACK(&on_event), &mailbox, nullptr);
        if (made->event_ < 0) return std::unexpected(last_error("hear of guests that are defined", "libvirt"));
        return made;
    }

  private:
    static int on_event(virConnectPtr, virDomainPtr domain, int event, int /*detail*/, void* mailbox) {
        if (event != VIR_DOMAIN_EVENT_DEFINED && event != VIR_DOMAIN_EVENT_UNDEFINED) return 0;
        if (auto guest = GuestName::parse(virDomainGetName(domain)))
            Mailbox::pass_on(mailbox, [guest = *std::move(guest), event](LibvirtDefinitions& owner) {
                event == VIR_DOMAIN_EVENT_DEFINED ? owner.on_defined(guest) : owner.on_undefined(guest);
            });
        return 0;
    }
    static void on_closed(virConnectPtr, int /*reason*/, void* mailbox) {
        Mailbox::pass_on(mailbox, [](LibvirtDefinitions& owner) { owner.closed_.notify(); });
    }

    libvirt::Connection connection_;
    int event_ = -1;  ///< What libvirt calls our subscription.
};

LibvirtDefinitions::LibvirtDefinitions(asio::any_io_executor executor, std::string uri,
                                       std::chrono::milliseconds call_timeout)
    : executor_(executor),
      uri_(std::move(uri)),
      call_timeout_(call_timeout),
      calls_(executor, 8),
      closed_(executor),
      mailbox_(Mailbox::made_for(*this, std::move(executor))) {
    libvirt::run_event_loop_once();
}

LibvirtDefinitions::~LibvirtDefinitions() {
    mailbox_.close();
}

asio::awaitable<Result<std::vector<LocalDefinition>>> LibvirtDefinitions::all() {
    BlockingCalls::Work<std::vector<LocalDefinition>> work = [uri = uri_](BlockingCalls::Deadline) {
        return read_all(uri);
    };
    return calls_.run("libvirt", "list the definitions", kSurveyTimeout, std::move(work));
}

asio::awaitable<Result<std::optional<LocalDefinition>>> LibvirtDefinitions::find(GuestName guest) {
    auto what = std::format("read the definition of guest {}", guest.str());
    BlockingCalls::Work<std::optional<LocalDefinition>> work = [uri = uri_, guest](BlockingCalls::Deadline) {
        return read_one(uri, guest);
    };
    return calls_.run("libvirt", std::move(what), call_timeout_, std::move(work));
}

asio::awaitable<Result<LocalDefinition>> LibvirtDefinitions::define(std::string xml, Schema schema) {
    BlockingCalls::Work<LocalDefinition> work = [uri = uri_, xml = std::move(xml), schema](BlockingCalls::Deadline) {
        return define_now(uri, xml, schema);
    };
    return calls_.run("libvirt", "define a guest", call_timeout_, std::move(work));
}

asio::awaitable<Result<void>> LibvirtDefinitions::undefine(GuestName guest) {
    auto what = std::format("undefine guest {}", guest.str());
    BlockingCalls::Work<void> work = [uri = uri_, guest](BlockingCalls::Deadline) { return undefine_now(uri, guest); };
    return calls_.run("libvirt", std::move(what), call_timeout_, std::move(work));
}

asio::awaitable<void> LibvirtDefinitions::follow() {
    std::string said;
    while (true) {
        const auto seen = closed_.count();
        BlockingCalls::Work<std::shared_ptr<Subscription>> work =
            [uri = uri_, &mailbox = mailbox_](BlockingCalls::Deadline) { return Subscription::open(uri, mailbox); };
        const auto opened = co_await calls_.run("libvirt", "hear of definitions", call_timeout_, std::move(work));
        if (opened) {
            said.clear();
            on_unknown();
            on_libvirt_found();
            co_await closed_.wait_after(seen);
            on_libvirt_lost();
        } else if (std::exchange(said, opened.error().what) != opened.error().what) {
            log::warning("what is defined in libvirt is not noticed", opened.error());
        }
        asio::steady_timer pause(executor_, kAgain);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

}  // namespace ssi::cluster
