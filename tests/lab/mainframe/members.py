"""What makes members of two machines: system.toml and certificates."""

from pathlib import Path

from ssilab.trees import in_builder, repository

_SYSTEM_TOML = """\
[cluster]
name = "MAINFRAME"
uuid = "00000000-0000-4000-8000-000000000390"
[timing]
scale = {scale}
[[member]]
name = "MEMBER1"
slot = 1
[[member]]
name = "MEMBER2"
slot = 2
{channels}"""


def system_toml(channels: str, scale: int) -> str:
    """An emulated processor is slow: `scale` stretches isfcd's times."""
    return _SYSTEM_TOML.format(scale=scale, channels=channels)


def make_certificates(folder: Path) -> None:
    """In a folder of the repository: the builder's own ssictl makes them."""
    inside = f"/src/{folder.relative_to(repository())}"
    ssictl = "/src/build/release/tools/ssictl/ssictl"
    in_builder(ssictl, "ca", "init", "--cluster", "MAINFRAME", "--directory", inside)
    for member in ("MEMBER1", "MEMBER2"):
        in_builder(ssictl, "ca", "issue", member, "--directory", inside)


def files_of(member: str, toml: str, certificates: Path, scenario: bytes) -> dict[str, bytes]:
    """What the initrd of a member has besides programs."""
    peer = "MEMBER2" if member == "MEMBER1" else "MEMBER1"
    files = {"etc/member": f"{member} {peer}\n".encode(), "etc/scenario": scenario,
             "etc/ssi/system.toml": toml.encode()}
    for name in ("ca.crt", f"{member}.crt", f"{member}.key"):
        files[f"etc/ssi/pki/{name}"] = (certificates / name).read_bytes()
    return files
