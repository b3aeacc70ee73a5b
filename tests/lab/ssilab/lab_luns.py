"""The LUNs that a lab's members share."""

from .lab_members import LabMembers
from .layout import Cluster
from .processes import LabError


class LabLuns(LabMembers):
    """Part of Lab."""

    def lun_create(self, name: str, size: int) -> None:
        """A LUN of so many bytes, zeroed, on every member as /dev/ssi-lab/NAME."""
        if not name.isidentifier() and not name.replace("-", "").isalnum():
            raise LabError(f"'{name}' is no name for a LUN: letters, digits, '-' and '_'")
        if size <= 0 or size % 4096:
            raise LabError("the size of a LUN must be a multiple of 4096 bytes")
        with self.layout.lock("luns"):
            cluster = self.layout.load()
            if name in cluster.luns:
                raise LabError(f"LUN {name} exists already")
            with open(self.layout.luns / name, "wb") as file:
                file.truncate(size)
            cluster.luns[name] = size
            self.layout.store(cluster)
            for member in cluster.members:
                if self.power(member) != "off":
                    self.member(member).luns.attach(name)

    def lun_remove(self, name: str) -> None:
        with self.layout.lock("luns"):
            cluster = self.layout.load()
            self._need_lun(cluster, name)
            for member in cluster.members:
                self.member(member).luns.detach(name)
            del cluster.luns[name]
            self.layout.store(cluster)
            (self.layout.luns / name).unlink()

    def lun_fail(self, member: str, lun: str, how: str = "all") -> None:
        """how: "reads", "writes", "all" or "hang"; for this member only."""
        self._need_lun(self.layout.load(), lun)
        self.member(member).luns.fail(lun, how)

    def lun_heal(self, member: str, lun: str) -> None:
        self._need_lun(self.layout.load(), lun)
        self.member(member).luns.heal(lun)

    @staticmethod
    def _need_lun(cluster: Cluster, name: str) -> None:
        if name not in cluster.luns:
            raise LabError(f"no LUN {name}: there are {', '.join(cluster.luns) or 'none'}")
