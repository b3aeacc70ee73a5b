#include "daemons/isfcd/driver/point_to_point.hpp"

#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>

#include <format>
#include <memory>
#include <string_view>

namespace ssi::isfc {
namespace {

template <auto release>
struct Release {
    void operator()(auto* object) const { release(object); }
};
using Socket = std::unique_ptr<nl_sock, Release<nl_socket_free>>;
using Link = std::unique_ptr<rtnl_link, Release<rtnl_link_put>>;
using Address = std::unique_ptr<rtnl_addr, Release<rtnl_addr_put>>;
using NetworkAddress = std::unique_ptr<nl_addr, Release<nl_addr_put>>;
using Cache = std::unique_ptr<nl_cache, Release<nl_cache_free>>;

std::unexpected<Error> refused(const std::string& act, const std::string& interface, int netlink_error) {
    std::string remedy;
    switch (-netlink_error) {
        case NLE_PERM:
            remedy = "isfcd needs CAP_NET_ADMIN: see isfcd.service.d/ctc.conf, then restart isfcd";
            break;
        case NLE_NODEV:
        case NLE_OBJ_NOTFOUND:
            remedy = "the interface went away: it is tried again when it is back";
            break;
        case NLE_INVAL:
        case NLE_RANGE:
            remedy = "check addresses, mtu and buffer in system.toml";
            break;
        default:
            remedy = "dmesg tells what the kernel saw";
    }
    return failure(ErrorCode::kDeviceRefused,
                   std::format("cannot {} {}: {}", act, interface, nl_geterror(netlink_error)), interface, remedy);
}

/// A connection to the kernel for one call, and the interface that it is about.
struct Subject {
    Socket socket;
    Link link;
};

Result<Subject> open(const std::string& interface, const std::string& act) {
    Subject subject{Socket(nl_socket_alloc()), {}};
    if (!subject.socket) return refused(act, interface, -NLE_NOMEM);
    if (const int error = nl_connect(subject.socket.get(), NETLINK_ROUTE); error < 0)
        return refused(act, interface, error);
    rtnl_link* found = nullptr;
    if (const int error = rtnl_link_get_kernel(subject.socket.get(), 0, interface.c_str(), &found); error < 0)
        return refused(act, interface, error);
    subject.link.reset(found);
    return subject;
}

Result<Address> address_of(const PointToPoint& wanted, rtnl_link* link) {
    Address address(rtnl_addr_alloc());
    if (!address) return refused("give an address to", wanted.interface, -NLE_NOMEM);
    rtnl_addr_set_ifindex(address.get(), rtnl_link_get_ifindex(link));
    for (const bool local : {true, false}) {
        nl_addr* parsed = nullptr;
        const auto& text = local ? wanted.local : wanted.peer;
        if (const int error = nl_addr_parse(text.c_str(), AF_INET, &parsed); error < 0)
            return refused(std::format("give address {} to", text), wanted.interface, error);
        const NetworkAddress owned(parsed);
        const int error =
            local ? rtnl_addr_set_local(address.get(), parsed) : rtnl_addr_set_peer(address.get(), parsed);
        if (error < 0) return refused(std::format("give address {} to", text), wanted.interface, error);
    }
    return address;
}

/// Whether the interface has the address with the peer.
Result<bool> has_address(const Subject& subject, const PointToPoint& wanted) {
    auto address = address_of(wanted, subject.link.get());
    if (!address) return std::unexpected(address.error());
    nl_cache* filled = nullptr;
    if (const int error = rtnl_addr_alloc_cache(subject.socket.get(), &filled); error < 0)
        return refused("read the addresses of", wanted.interface, error);
    const Cache cache(filled);
    for (auto* object = nl_cache_get_first(filled); object != nullptr; object = nl_cache_get_next(object)) {
        auto* one = reinterpret_cast<rtnl_addr*>(object);
        if (rtnl_addr_get_ifindex(one) != rtnl_addr_get_ifindex(address->get())) continue;
        auto* peer = rtnl_addr_get_peer(one);
        if (peer != nullptr && nl_addr_cmp(peer, rtnl_addr_get_peer(address->get())) == 0 &&
            nl_addr_cmp(rtnl_addr_get_local(one), rtnl_addr_get_local(address->get())) == 0)
            return true;
    }
    return false;
}

/// Sends the difference to the kernel.
template <class Change>
Result<void> change_link(const std::string& interface, const std::string& act, Change change) {
    const auto subject = open(interface, act);
    if (!subject) return std::unexpected(subject.error());
    const Link difference(rtnl_link_alloc());
    if (!difference) return refused(act, interface, -NLE_NOMEM);
    change(difference.get());
    if (const int error = rtnl_link_change(subject->socket.get(), subject->link.get(), difference.get(), 0); error < 0)
        return refused(act, interface, error);
    return {};
}

}  // namespace

Result<PointToPointState> KernelInterfaces::look(const PointToPoint& wanted) {
    PointToPointState state;
    if (::if_nametoindex(wanted.interface.c_str()) == 0) return state;
    const auto subject = open(wanted.interface, "look at");
    if (!subject) return std::unexpected(subject.error());
    const auto fits = has_address(*subject, wanted);
    if (!fits) return std::unexpected(fits.error());
    state.present = true;
    state.up = (rtnl_link_get_flags(subject->link.get()) & IFF_UP) != 0;
    state.mtu_fits = rtnl_link_get_mtu(subject->link.get()) == static_cast<unsigned>(wanted.mtu);
    state.address_fits = *fits;
    state.received = rtnl_link_get_stat(subject->link.get(), RTNL_LINK_RX_PACKETS);
    return state;
}

Result<void> KernelInterfaces::add_address(const PointToPoint& wanted) {
    const auto act = std::format("give address {} peer {} to", wanted.local, wanted.peer);
    const auto subject = open(wanted.interface, act);
    if (!subject) return std::unexpected(subject.error());
    const auto address = address_of(wanted, subject->link.get());
    if (!address) return std::unexpected(address.error());
    const int error = rtnl_addr_add(subject->socket.get(), address->get(), 0);
    if (error < 0 && error != -NLE_EXIST) return refused(act, wanted.interface, error);
    return {};
}

Result<void> KernelInterfaces::remove_address(const PointToPoint& wanted) {
    const auto act = std::format("take address {} from", wanted.local);
    const auto subject = open(wanted.interface, act);
    if (!subject) return std::unexpected(subject.error());
    const auto address = address_of(wanted, subject->link.get());
    if (!address) return std::unexpected(address.error());
    const int error = rtnl_addr_delete(subject->socket.get(), address->get(), 0);
    if (error < 0 && error != -NLE_NOADDR) return refused(act, wanted.interface, error);
    return {};
}

Result<void> KernelInterfaces::set_mtu(const PointToPoint& wanted) {
    return change_link(wanted.interface, std::format("set MTU {} of", wanted.mtu),
                       [&](rtnl_link* change) { rtnl_link_set_mtu(change, static_cast<unsigned>(wanted.mtu)); });
}

Result<void> KernelInterfaces::set_up(const std::string& interface, bool up) {
    return change_link(interface, up ? "bring up" : "take down", [up](rtnl_link* change) {
        if (up) {
            rtnl_link_set_flags(change, IFF_UP);
        } else {
            rtnl_link_unset_flags(change, IFF_UP);
        }
    });
}

}  // namespace ssi::isfc
