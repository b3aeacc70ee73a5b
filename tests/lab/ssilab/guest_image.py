"""The kernel and initramfs of the lab's guests, made once per member tree and kept in the cache of the trees.

The kernel is Debian's cloud kernel, unpacked to an ELF file: QEMU starts it by the PVH entry, so that no emulated
processor has to decompress it. The initramfs holds guest_init, the kernel modules it loads, and busybox.
"""

import ctypes
import ctypes.util
import hashlib
import lzma
import os
import shutil
from pathlib import Path

from .cpio import Cpio
from .processes import LabError, run, say
from .trees import cache_directory, forget_old, in_builder, repository, tree_path

# In the order of loading. failover and net_failover are what virtio_net needs.
MODULES = ["virtio_blk", "failover", "net_failover", "virtio_net", "evdev", "button"]
SOURCE = "tests/lab/guest/guest_init.cpp"


def guest_image() -> Path:
    """The directory with `vmlinux` and `initramfs`; made when it is not there yet."""
    tree = tree_path("member")
    digest = hashlib.sha256()
    digest.update(tree.name.encode())
    for source in (repository() / SOURCE, Path(__file__)):
        digest.update(source.read_bytes())
    image = cache_directory() / f"lab-guest-{digest.hexdigest()[:12]}"
    if not (image / "initramfs").exists():
        _make(tree, image)
        forget_old("lab-guest-*", keep=image)
    os.utime(image)
    return image


def _make(tree: Path, image: Path) -> None:
    say("making the guests' kernel and initramfs (once)")
    partial = image.with_name(f"{image.name}.partial.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    kernel = max(tree.glob("boot/vmlinuz-*"), default=None)
    if kernel is None:
        raise LabError(f"no kernel in {tree}/boot: run scripts/bootstrap member")
    (partial / "vmlinux").write_bytes(unpack_kernel(kernel.read_bytes()))
    work = repository() / "build" / "lab"
    work.mkdir(parents=True, exist_ok=True)
    binary = work / f"guest_init.{os.getpid()}"
    in_builder("g++", "-std=c++23", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-static", "-s",
               "-o", f"/src/build/lab/{binary.name}", f"/src/{SOURCE}")
    archive = Cpio()
    for directory in ("bin", "dev", "modules", "proc", "sys", "tmp"):
        archive.directory(directory)
    archive.device("dev/console", 5, 1)
    archive.file("init", binary.read_bytes(), 0o755)
    binary.unlink()
    archive.file("bin/busybox", (tree / "usr/bin/busybox").read_bytes(), 0o755)
    for applet in run("chroot", str(tree), "/usr/bin/busybox", "--list").split():
        if applet != "busybox":
            archive.link(f"bin/{applet}", "busybox")
    version = kernel.name.removeprefix("vmlinuz-")
    for position, module in enumerate(MODULES):
        archive.file(f"modules/{position}-{module}.ko", kernel_module(tree, version, module))
    (partial / "initramfs").write_bytes(archive.finish())
    try:
        partial.rename(image)
    except OSError:  # another lab was faster
        shutil.rmtree(partial)


def kernel_module(tree: Path, version: str, name: str) -> bytes:
    """A module of a kernel in the tree, unpacked."""
    found = list((tree / "usr/lib/modules" / version).rglob(f"{name}.ko*"))
    if not found:
        raise LabError(f"kernel module {name} is not in {tree}")
    data = found[0].read_bytes()
    return lzma.decompress(data) if found[0].suffix == ".xz" else data


def unpack_kernel(packed: bytes) -> bytes:
    """The ELF kernel inside a bzImage that was compressed with zstd."""
    start = packed.find(b"\x28\xb5\x2f\xfd")
    library = ctypes.util.find_library("zstd")
    if start < 0 or library is None:
        raise LabError("the kernel is not packed with zstd, or this host has no libzstd (apt-get install libzstd1)")
    zstd = ctypes.CDLL(library)
    zstd.ZSTD_decompressStream.restype = ctypes.c_size_t
    zstd.ZSTD_createDStream.restype = ctypes.c_void_p

    class Buffer(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t)]

    source = ctypes.create_string_buffer(packed[start:], len(packed) - start)
    target = ctypes.create_string_buffer(256 << 20)
    into = Buffer(ctypes.addressof(target), len(target), 0)
    out_of = Buffer(ctypes.addressof(source), len(source), 0)
    stream = ctypes.c_void_p(zstd.ZSTD_createDStream())
    while True:
        before = (into.position, out_of.position)
        left = zstd.ZSTD_decompressStream(stream, ctypes.byref(into), ctypes.byref(out_of))
        if left == 0:
            break
        if zstd.ZSTD_isError(ctypes.c_size_t(left)) or before == (into.position, out_of.position):
            raise LabError("the kernel's zstd stream is damaged")
    zstd.ZSTD_freeDStream(stream)
    kernel = target.raw[:into.position]
    if not kernel.startswith(b"\x7fELF"):
        raise LabError("what was unpacked from vmlinuz is no ELF file")
    return kernel
