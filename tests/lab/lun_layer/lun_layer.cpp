/// The way of one lab member to the LUNs: a FUSE file system over the directory with their backing files, in which
/// reads and writes can be made to fail or to hang. One process a member, outside its container.
///
///     lun_layer STORAGE MOUNT CONTROL
///
/// CONTROL is a UNIX socket; one line a connection, the answer is "ok ..." or "error ...":
///     fail LUN reads|writes|all|hang     heal LUN     faults     forget LUN     power-off
/// A hung request is kept, blocking no thread, until heal carries it out or power-off fails it. After the answer to
/// power-off no request of this member reaches the storage any more. fsync is answered at once: the storage behind a
/// LUN keeps what it has acknowledged; what a member loses with its power is its own page cache.

#define FUSE_USE_VERSION 314

#include <dirent.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

enum class Fault { kNone, kReads, kWrites, kAll, kHang };

constexpr std::pair<const char*, Fault> kFaultNames[] = {
    {"reads", Fault::kReads}, {"writes", Fault::kWrites}, {"all", Fault::kAll}, {"hang", Fault::kHang}};

/// One request that waits for the end of a hang; called with true to be carried out, false to fail.
using Held = std::function<void(bool)>;

struct Lun {
    std::string name;
    int fd = -1;
    Fault fault = Fault::kNone;
    std::vector<Held> held;
};

/// All LUNs of this member. Inode numbers are index + 2.
class Luns {
  public:
    explicit Luns(int storage) : storage_(storage) {}

    /// The inode of a LUN; 0 if there is no such file.
    fuse_ino_t find(const std::string& name) {
        const std::unique_lock lock(mutex_);
        for (std::size_t index = 0; index < luns_.size(); ++index) {
            if (luns_[index]->name == name) {
                return index + 2;
            }
        }
        const int fd = ::openat(storage_, name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) {
            return 0;
        }
        luns_.push_back(std::make_unique<Lun>(name, fd, Fault::kNone, std::vector<Held>{}));
        return luns_.size() + 1;
    }

    /// The attributes of a LUN's file. False if there is no such inode.
    bool stat_of(fuse_ino_t inode, struct stat& attributes) {
        const std::shared_lock lock(mutex_);
        return inode >= 2 && inode < luns_.size() + 2 && ::fstat(luns_[inode - 2]->fd, &attributes) == 0;
    }

    /// Carries out an I/O request, fails it with EIO, or keeps it. The shared lock is held while `io` runs: power_off
    /// returns only after the last one.
    void submit(fuse_req_t request, fuse_ino_t inode, bool is_write, std::function<void(int fd)> io) {
        {
            const std::shared_lock lock(mutex_);
            Lun& lun = *luns_[inode - 2];
            const bool fails =
                is_off_ || lun.fault == Fault::kAll || lun.fault == (is_write ? Fault::kWrites : Fault::kReads);
            if (fails) {
                fuse_reply_err(request, EIO);
                return;
            }
            if (lun.fault != Fault::kHang) {
                io(lun.fd);
                return;
            }
        }
        const std::unique_lock lock(mutex_);
        Lun& lun = *luns_[inode - 2];
        const auto held = [request, fd = lun.fd, io = std::move(io)](bool carry_out) {
            if (carry_out) {
                io(fd);
            } else {
                fuse_reply_err(request, EIO);
            }
        };
        if (lun.fault == Fault::kHang && !is_off_) {
            lun.held.push_back(held);
        } else {  // healed or powered off between the two locks
            held(!is_off_);
        }
    }

    std::string fail(const std::string& name, const std::string& how) {
        for (const auto& [text, fault] : kFaultNames) {
            if (how == text) {
                return set(name, fault);
            }
        }
        return "error fault must be reads, writes, all or hang";
    }

    std::string heal(const std::string& name) { return set(name, Fault::kNone); }

    /// The LUN is taken away: its file is closed, its name may come back as another file. What hung has failed.
    std::string forget(const std::string& name) {
        const std::unique_lock lock(mutex_);
        for (const auto& lun : luns_) {
            if (lun->name == name) {
                release(*lun, false);
                ::close(std::exchange(lun->fd, -1));
                lun->name.clear();
                lun->fault = Fault::kNone;
            }
        }
        return "ok";
    }

    std::string faults() {
        const std::shared_lock lock(mutex_);
        std::string list;
        for (const auto& lun : luns_) {
            for (const auto& [text, fault] : kFaultNames) {
                if (lun->fault == fault) {
                    list += (list.empty() ? "\"" : ", \"") + lun->name + "\": \"" + text + "\"";
                }
            }
        }
        return "ok {" + list + "}";
    }

    std::string power_off() {
        const std::unique_lock lock(mutex_);
        is_off_ = true;
        for (const auto& lun : luns_) {
            release(*lun, false);
        }
        return "ok";
    }

  private:
    std::string set(const std::string& name, Fault fault) {
        if (find(name) == 0) {
            return "error no LUN " + name;
        }
        const std::unique_lock lock(mutex_);
        for (const auto& lun : luns_) {
            if (lun->name == name) {
                lun->fault = fault;
                if (fault != Fault::kHang) {
                    release(*lun, fault == Fault::kNone);
                }
            }
        }
        return "ok";
    }

    static void release(Lun& lun, bool carry_out) {
        for (const auto& held : std::exchange(lun.held, {})) {
            held(carry_out);
        }
    }

    int storage_;
    std::shared_mutex mutex_;
    std::vector<std::unique_ptr<Lun>> luns_;
    bool is_off_ = false;
};

Luns* luns = nullptr;  // FUSE's callbacks reach it here: one file system a process

// ---- FUSE --------------------------------------------------------------------------------------------------------

constexpr double kNeverCached = 0;

bool attributes_of(fuse_ino_t inode, struct stat& attributes) {
    attributes = {};
    if (inode == FUSE_ROOT_ID) {
        attributes.st_mode = S_IFDIR | 0755;
        attributes.st_nlink = 2;
    } else if (!luns->stat_of(inode, attributes)) {
        return false;
    }
    attributes.st_ino = inode;
    return true;
}

void on_init(void*, fuse_conn_info* connection) {
    connection->max_write = 1U << 20U;
}

void on_lookup(fuse_req_t request, fuse_ino_t, const char* name) {
    fuse_entry_param entry{};
    entry.ino = luns->find(name);
    entry.attr_timeout = entry.entry_timeout = kNeverCached;
    if (entry.ino == 0 || !attributes_of(entry.ino, entry.attr)) {
        fuse_reply_err(request, ENOENT);
    } else {
        fuse_reply_entry(request, &entry);
    }
}

void on_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
    struct stat attributes{};
    if (attributes_of(inode, attributes)) {
        fuse_reply_attr(request, &attributes, kNeverCached);
    } else {
        fuse_reply_err(request, ENOENT);
    }
}

void on_open(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
    file->direct_io = 1;  // this layer's own files have no page cache: the member's is that of its loop device
    file->parallel_direct_writes = 1;
    fuse_reply_open(request, file);
}

void on_read(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset, fuse_file_info*) {
    luns->submit(request, inode, false, [request, size, offset](int fd) {
        std::vector<char> data(size);
        const ssize_t count = ::pread(fd, data.data(), size, offset);
        if (count < 0) {
            fuse_reply_err(request, errno);
        } else {
            fuse_reply_buf(request, data.data(), static_cast<std::size_t>(count));
        }
    });
}

void on_write(fuse_req_t request, fuse_ino_t inode, const char* data, std::size_t size, off_t offset, fuse_file_info*) {
    // A copy, since FUSE's buffer is gone after this call and the request may be held.
    auto copy = std::make_shared<std::vector<char>>(data, data + size);
    luns->submit(request, inode, true, [request, copy, offset](int fd) {
        const ssize_t count = ::pwrite(fd, copy->data(), copy->size(), offset);
        if (count < 0) {
            fuse_reply_err(request, errno);
        } else {
            fuse_reply_write(request, static_cast<std::size_t>(count));
        }
    });
}

void on_fsync(fuse_req_t request, fuse_ino_t inode, int, fuse_file_info*) {
    luns->submit(request, inode, true, [request](int) { fuse_reply_err(request, 0); });
}

// ---- control -----------------------------------------------------------------------------------------------------

std::string answer(const std::string& line) {
    std::istringstream stream(line);
    std::string verb;
    std::string name;
    std::string how;
    stream >> verb >> name >> how;
    if (verb == "fail") {
        return luns->fail(name, how);
    }
    if (verb == "heal") {
        return luns->heal(name);
    }
    if (verb == "forget") {
        return luns->forget(name);
    }
    if (verb == "faults") {
        return luns->faults();
    }
    if (verb == "power-off") {
        return luns->power_off();
    }
    return "error unknown request";
}

void serve_control(int listener) {
    for (;;) {
        const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) {
            continue;
        }
        std::string line;
        for (char c = 0; ::read(connection, &c, 1) == 1 && c != '\n';) {
            line += c;
        }
        const std::string text = answer(line) + "\n";
        if (::send(connection, text.data(), text.size(), MSG_NOSIGNAL) < 0) {
            std::perror("lun_layer: answer");
        }
        ::close(connection);
    }
}

int listen_at(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (std::strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    std::strcpy(address.sun_path, path);
    ::unlink(path);
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 8) != 0) {
        return -1;
    }
    return listener;
}

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fputs("usage: lun_layer STORAGE MOUNT CONTROL\n", stderr);
        return 2;
    }
    const int storage = ::open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (storage < 0) {
        die(argv[1]);
    }
    Luns all(storage);
    luns = &all;
    // Memory reclaim must not wait for writes that wait for this process (a loop device is above it).
    ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);

    fuse_lowlevel_ops operations{};
    operations.init = on_init;
    operations.lookup = on_lookup;
    operations.getattr = on_getattr;
    operations.open = on_open;
    operations.read = on_read;
    operations.write = on_write;
    operations.fsync = on_fsync;
    const char* options[] = {argv[0], "-o", "fsname=ssi-lab-luns,subtype=ssi-lab"};
    fuse_args arguments = FUSE_ARGS_INIT(3, const_cast<char**>(options));
    fuse_session* session = fuse_session_new(&arguments, &operations, sizeof operations, nullptr);
    if (session == nullptr || fuse_session_mount(session, argv[2]) != 0) {
        die("lun_layer: mount");
    }
    const int listener = listen_at(argv[3]);
    if (listener < 0) {
        fuse_session_unmount(session);
        die(argv[3]);
    }
    std::thread(serve_control, listener).detach();
    fuse_loop_config* config = fuse_loop_cfg_create();
    const int result = fuse_session_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
    fuse_session_unmount(session);
    std::_Exit(result == 0 ? 0 : 1);  // the control thread still uses what destructors would take away
}
