"""What a member that is a virtual machine boots from: Debian's kernel, an initramfs of ours, and a disk image for each
layer of its root. Made once for each tree and each set of packages, and kept in the cache of the trees.

The disks carry serial numbers: "layer0", "layer1"... are the layers, the topmost first, read-only and the same for all
machines; "own" is the machine's own disk. The root is an overlay of them, as a container's is. The NICs get their
names, in their order, from the kernel's argument lab.wires=NAME,NAME...: nobody waits for udev.
"""

import hashlib
import os
import shutil
import threading
from pathlib import Path

from .cpio import Cpio
from .guest_image import kernel_module, unpack_kernel
from .layers import make_layer
from .processes import run, say
from .trees import cache_directory, forget_old, tree_path

# The supervisor switches members on side by side: one makes what all need.
_making = threading.Lock()

# In the order of loading. Here they are unpacked, which costs an emulated processor a second each.
_MODULES = ["virtio_blk", "overlay", "failover", "net_failover", "virtio_net", "autofs4", "watchdog", "softdog", "tun",
            "llc", "stp", "bridge"]
_INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in /modules/*; do insmod "$module"; done
read -r arguments </proc/cmdline
position=0
for argument in $arguments; do
    case $argument in
        lab.wires=*)
            IFS=,
            for wire in ${argument#lab.wires=}; do
                ip link set "eth$position" name "$wire"
                position=$((position + 1))
            done
            unset IFS ;;
    esac
done
lower=
for disk in /sys/block/vd*; do
    read -r serial <"$disk/serial"
    case $serial in
        own) mkdir -p /own && mount -t ext4 "/dev/${disk##*/}" /own ;;
        layer*)
            mkdir -p "/$serial" && mount -t ext4 -o ro,noload "/dev/${disk##*/}" "/$serial" && lower=$lower:/$serial ;;
    esac
done
mkdir -p /root
if ! mount -t overlay -o "lowerdir=${lower#:},upperdir=/own/upper,workdir=/own/work" root /root; then
    echo "the root cannot be mounted: $lower"
    poweroff -f
fi
umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /lib/systemd/systemd
"""


# libvirt starts an emulator to see what it can do, once for each build: for minutes where that is emulated too.
_ASK_EMULATOR = """
mount --bind /dev/null /dev/kvm 2>/dev/null || true
mount -t tmpfs tmpfs /run
mkdir /run/libvirt
libvirtd --daemon --pid-file /run/libvirtd.pid
trap 'kill $(cat /run/libvirtd.pid)' EXIT
tries=0
until virsh -q uri >/dev/null 2>&1 || [ $tries = 300 ]; do sleep 0.2; tries=$((tries + 1)); done
virsh -q domcapabilities --emulatorbin /usr/bin/qemu-system-x86_64 --virttype qemu >/dev/null
"""
CAPABILITIES = "var/cache/libvirt/qemu/capabilities"


def machine_image() -> Path:
    """The directory with `vmlinux`, `initramfs`, `tree`, the image of the machine tree, and `capabilities`, what
    libvirt knows of the emulator (CAPABILITIES in the machine)."""
    tree = tree_path("machine")
    digest = hashlib.sha256(tree.name.encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    image = cache_directory() / f"lab-machine-{digest}"
    if not image.exists():
        say("making the machines' kernel, initramfs and root (once)")
        partial = image.with_name(f"{image.name}.partial.{os.getpid()}")
        partial.mkdir()
        try:
            kernel = max(tree.glob("boot/vmlinuz-*"))
            (partial / "vmlinux").write_bytes(unpack_kernel(kernel.read_bytes()))
            (partial / "initramfs").write_bytes(_initramfs(tree, kernel.name.removeprefix("vmlinuz-")))
            make_disk(partial / "tree", tree, 2 << 30)
            make_layer(partial / "asked", tree, _ASK_EMULATOR, timeout=300)
            (partial / "asked" / CAPABILITIES).rename(partial / "capabilities")
            shutil.rmtree(partial / "asked")
            if not image.exists():  # else another lab was faster
                partial.rename(image)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        forget_old("lab-machine-*", keep=image)
    os.utime(image)
    return image


def layer_image(layer: Path) -> Path:
    """The image of a layer of the cache, such as our packages."""
    image = layer.with_name(f"lab-disk-{layer.name}")
    with _making:
        if not image.exists():
            partial = image.with_name(f"{image.name}.partial.{os.getpid()}")
            make_disk(partial, layer, 1 << 30)
            partial.rename(image)
            forget_old("lab-disk-*", keep=image)
    os.utime(image)
    return image


def make_disk(image: Path, folder: Path, size: int) -> None:
    """A sparse disk of an ext4 file system with what is in the folder."""
    with open(image, "wb") as file:
        file.truncate(size)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1", "-d", str(folder), str(image),
        timeout=180)


def _initramfs(tree: Path, version: str) -> bytes:
    archive = Cpio()
    for directory in ("bin", "dev", "modules", "proc", "sys"):
        archive.directory(directory)
    archive.device("dev/console", 5, 1)
    archive.file("init", _INIT.encode(), 0o755)
    archive.file("bin/busybox", (tree / "usr/bin/busybox").read_bytes(), 0o755)
    for position, module in enumerate(_MODULES):
        archive.file(f"modules/{position:02}-{module}.ko", kernel_module(tree, version, module))
    return archive.finish()
