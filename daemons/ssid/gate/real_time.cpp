#include "daemons/ssid/gate/real_time.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "lib/common/log.hpp"

namespace ssi::gate {
namespace {

constexpr int kPriority = 10;  // Above all that is not real-time, below what the kernel's own threads use.

bool may_lock_without_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) return true;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    return ::syscall(SYS_capget, &header, sets.data()) == 0 && (sets[0].effective & (1U << CAP_IPC_LOCK)) != 0;
}

void note(const char* what, int error) {
    log::notice("going on without " + system_failure(what, "ssi-guard", error).error().what);
}

}  // namespace

void become_real_time() {
    // Under a limit mlockall may succeed now, and the next allocation that passes the limit would fail.
    if (!may_lock_without_limit())
        note("locked memory", EPERM);
    else if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        note("locked memory", errno);
    const sched_param priority{.sched_priority = kPriority};
    if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority) != 0) note("real-time priority", errno);
}

}  // namespace ssi::gate
