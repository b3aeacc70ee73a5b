"""The guest of members that are virtual machines: tests/lab/guest/tick.c instead of a Linux, which an emulated
processor inside an emulated machine would boot for minutes. It ticks; it has no disk, no NIC and takes no commands."""

import hashlib
import os
import shutil
from pathlib import Path

from .processes import say
from .trees import cache_directory, forget_old, in_builder, repository

_SOURCE = "tests/lab/guest/tick.c"
_COMPILE = ["gcc", "-std=c17", "-m32", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
            "-ffreestanding", "-fno-pie", "-no-pie", "-fno-stack-protector", "-fcf-protection=none",
            "-mgeneral-regs-only", "-nostdlib", "-static", "-s", "-Wl,-Ttext-segment=0x100000,--build-id=none,-e,start"]


def small_guest_image() -> Path:
    """The directory with `vmlinux` and `initramfs`, as guest_image() has them; made when it is not there yet."""
    digest = hashlib.sha256((repository() / _SOURCE).read_bytes() + " ".join(_COMPILE).encode()).hexdigest()[:12]
    image = cache_directory() / f"lab-small-guest-{digest}"
    if not image.exists():
        say("making the machines' guest (once)")
        work = repository() / "build/lab"
        work.mkdir(parents=True, exist_ok=True)
        program = work / f"tick.{os.getpid()}"
        in_builder(*_COMPILE, "-o", f"/src/build/lab/{program.name}", f"/src/{_SOURCE}")
        partial = image.with_name(f"{image.name}.partial.{os.getpid()}")
        partial.mkdir()
        shutil.move(program, partial / "vmlinux")
        (partial / "initramfs").write_bytes(b"none\n")  # the guests' XML names one
        if not image.exists():  # else another lab was faster
            partial.rename(image)
        shutil.rmtree(partial, ignore_errors=True)
        forget_old("lab-small-guest-*", keep=image)
    os.utime(image)
    return image
