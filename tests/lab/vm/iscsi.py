"""SCSI disks with persistent reservations: one member serves files of its own to the others, by LIO over iSCSI on the
guests' LAN. Not by targetcli, which would take a minute."""

from ssilab import Lab

IQN = "iqn.2026-01.lab:storage"
_PORTAL = "10.78.0.{slot}:3260"
_SERVE = """
mkdir -p /etc/target/pr /var/target/pr
modprobe configfs
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
modprobe -a target_core_mod target_core_file iscsi_target_mod
core=/sys/kernel/config/target/core/fileio_0
group=/sys/kernel/config/target/iscsi/$IQN/tpgt_1
mkdir -p "$core" "$group/np/$PORTAL"
number=0
for name in $NAMES; do
    rm -f "/var/tmp/$name"
    truncate -s "$SIZE" "/var/tmp/$name"
    mkdir "$core/$name" "$group/lun/lun_$number"
    echo "lab-$name" >"$core/$name/wwn/vpd_unit_serial"
    echo "fd_dev_name=/var/tmp/$name,fd_dev_size=$SIZE" >"$core/$name/control"
    echo 1 >"$core/$name/enable"
    ln -s "$core/$name" "$group/lun/lun_$number/$name"
    number=$((number + 1))
done
echo 1 >"$group/attrib/generate_node_acls"
echo 1 >"$group/attrib/cache_dynamic_acls"
echo 0 >"$group/attrib/demo_mode_write_protect"
echo 0 >"$group/attrib/authentication"
echo 1 >"$group/enable"
"""
# Whoever was still logged in is thrown out.
_WITHDRAW = """
target=/sys/kernel/config/target/iscsi/$IQN
[ -d "$target" ] || exit 0
group=$target/tpgt_1
echo 0 >"$group/enable"
for lun in "$group"/lun/lun_*; do
    find "$lun" -maxdepth 1 -type l -delete
    rmdir "$lun"
done
rmdir "$group"/np/* "$group" "$target" /sys/kernel/config/target/core/fileio_0/*/
rm -rf /etc/target/pr/*
"""
# A machine that is slow is not gone: no questions whether the other end is there.
_LOG_IN = """
echo "InitiatorName=iqn.2026-01.lab:$(hostname | tr A-Z a-z)" >/etc/iscsi/initiatorname.iscsi
modprobe -a iscsi_tcp sd_mod
systemctl restart iscsid.service
iscsiadm -m discovery -t sendtargets -p "$PORTAL"
for setting in noop_out_interval noop_out_timeout; do
    iscsiadm -m node -T "$IQN" -o update -n "node.conn[0].timeo.$setting" -v 0
done
iscsiadm -m node -T "$IQN" --login
"""


class Target:
    """What `at` serves: a disk for each name."""

    def __init__(self, lab: Lab, at: str, names: tuple[str, ...], size: int) -> None:
        self._lab = lab
        self._at = at
        self._names = names
        self._variables = [f"IQN={IQN}", f"PORTAL={self.portal}", f"NAMES={' '.join(names)}", f"SIZE={size}"]

    @property
    def portal(self) -> str:
        return _PORTAL.format(slot=self._lab.layout.load().slot(self._at))

    def device(self, name: str) -> str:
        """Its block device, on whoever has logged in."""
        return f"/dev/disk/by-path/ip-{self.portal}-iscsi-{IQN}-lun-{self._names.index(name)}"

    def serve(self) -> None:
        self.withdraw()
        self._run(self._at, _SERVE)

    def log_in(self, member: str) -> None:
        """Returns when the disks are there."""
        self._run(member, _LOG_IN)
        for name in self._names:
            self._lab.wait(lambda: self._lab.try_exec(member, "test", "-b", self.device(name)).returncode == 0,
                           f"{self.device(name)} on {member}", 120, 1)

    def log_out(self, member: str) -> None:
        self._lab.try_exec(member, "iscsiadm", "-m", "node", "-T", IQN, "--logout", timeout=120)

    def withdraw(self) -> None:
        self._run(self._at, _WITHDRAW)

    def _run(self, member: str, script: str) -> None:
        self._lab.exec(member, "env", *self._variables, "sh", "-euc", script, timeout=240)
