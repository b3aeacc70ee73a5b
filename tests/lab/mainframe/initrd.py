"""What a mainframe boots: Debian's s390x kernel, and an initrd with busybox, kernel modules and our isfcd."""

import lzma
from pathlib import Path

from ssilab.cpio import Cpio
from ssilab.processes import LabError
from ssilab.trees import in_builder, repository, tree_path

# In the order of loading.
CTC = ["ccwgroup", "fsm", "ctcm"]
VIRTIO = ["failover", "net_failover", "virtio_net"]
_BUILD = "build/s390x"
_PROGRAMS = {"isfcd": f"{_BUILD}/daemons/isfcd/isfcd", "stream_check": f"{_BUILD}/tests/lab/mainframe/stream_check"}


def kernel() -> Path:
    found = sorted((tree_path("mainframe") / "mainframe/boot").glob("vmlinuz-*"))
    if not found:
        raise LabError("no kernel in the mainframe tree: remove it and run scripts/bootstrap mainframe")
    return found[-1]


class System:
    """What all machines boot alike; `initrd` adds the files of one of them."""

    def __init__(self, modules: list[str]) -> None:
        self._files: dict[str, tuple[bytes, int]] = {}
        tree = tree_path("mainframe")
        self._add("bin/busybox", tree / "usr/bin/busybox", 0o755)
        self._add("init", Path(__file__).with_name("init"), 0o755)
        version = kernel().name.removeprefix("vmlinuz-")
        for position, module in enumerate(modules):
            found = next((tree / "mainframe/usr/lib/modules" / version).rglob(f"{module}.ko.xz"), None)
            if found is None:
                raise LabError(f"kernel module {module} is not in the mainframe tree")
            self._files[f"modules/{position}-{module}.ko"] = lzma.decompress(found.read_bytes()), 0o644
        for name, path in _PROGRAMS.items():
            if not (repository() / path).exists():
                raise LabError(f"{path} is not there: scripts/build s390x {name}")
            self._add(f"bin/{name}", repository() / path, 0o755)
        self._add_libraries()

    def initrd(self, files: dict[str, bytes]) -> bytes:
        """With more files; keys readable by their owner only, as isfcd wants them."""
        archive = Cpio()
        every = self._files | {name: (data, 0o600 if name.endswith(".key") else 0o644) for name, data in files.items()}
        directories = {str(parent) for name in every for parent in Path(name).parents if str(parent) != "."}
        for directory in sorted(directories | {"dev", "proc", "run", "sys", "tmp"}):
            archive.directory(directory)
        archive.device("dev/console", 5, 1)
        for name, (data, mode) in sorted(every.items()):
            archive.file(name, data, mode)
        return archive.finish()

    def _add(self, name: str, source: Path, mode: int) -> None:
        self._files[name] = source.read_bytes(), mode

    def _add_libraries(self) -> None:
        """Those that the programs are linked with, as the dynamic loader of their own architecture finds them."""
        loader = "/usr/lib/s390x-linux-gnu/ld64.so.1"
        builder = tree_path("builder")
        for path in _PROGRAMS.values():
            for line in in_builder("qemu-s390x", loader, "--list", f"/src/{path}").splitlines():
                words = line.split()
                if "=>" not in words or not words[2].startswith("/"):
                    continue
                name = words[0].removeprefix("/") if words[0].startswith("/") else f"lib/s390x-linux-gnu/{words[0]}"
                self._add(name, builder / words[2].removeprefix("/"), 0o755)
