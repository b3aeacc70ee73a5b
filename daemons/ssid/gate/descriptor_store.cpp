#include "daemons/ssid/gate/descriptor_store.hpp"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>
#include <format>

#include "lib/common/log.hpp"

namespace ssi::gate {
namespace {

void note_failure(const char* what, const std::string& name, int result) {
    // 0: there is no systemd; tests and the fallback by start time live without.
    if (result < 0) log::warning(what, system_failure("systemd was not reached", name, -result).error());
}

}  // namespace

DescriptorStore::Handed DescriptorStore::take_handed() {
    Handed handed;
    char** names = nullptr;
    const int count = sd_listen_fds_with_names(1, &names);
    for (int i = 0; i < count; ++i) {
        const int fd = SD_LISTEN_FDS_START + i;
        if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0) {
            handed.listening.push_back(fd);
        } else if (!handed.kept.emplace(names[i], fd).second) {
            ::close(fd);
        }
        std::free(names[i]);
    }
    std::free(static_cast<void*>(names));
    return handed;
}

void DescriptorStore::keep(const std::string& name, int descriptor) {
    // FDPOLL=0: systemd would drop a descriptor whose process has ended, and with it the proof that it is that process.
    const auto message = std::format("FDSTORE=1\nFDNAME={}\nFDPOLL=0", name);
    note_failure("keeping a descriptor", name, sd_pid_notify_with_fds(0, 0, message.c_str(), &descriptor, 1));
}

void DescriptorStore::drop(const std::string& name) {
    note_failure("dropping a descriptor", name, sd_notify(0, std::format("FDSTOREREMOVE=1\nFDNAME={}", name).c_str()));
}

void DescriptorStore::ready() {
    note_failure("telling that the guard is ready", "ssi-guard", sd_notify(0, "READY=1"));
}

}  // namespace ssi::gate
