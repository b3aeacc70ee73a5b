"""The lab itself: its links can be cut, healed and slowed down as asked, and only those."""

import time

from ssilab import Lab

# MEMBER1's neighbours: link L of MEMBER1 and MEMBER2 is 10.77.0.(4L+1) and .(4L+2).


def reaches(lab: Lab, link: int) -> bool:
    return lab.try_exec("MEMBER1", "ping", "-c1", "-W1", f"10.77.0.{4 * link + 2}").returncode == 0


def interface_state(lab: Lab, member: str, interface: str) -> str:
    return lab.exec(member, "ip", "-br", "link", "show", interface)


def test_cut_one_link_leaves_the_others(bare_lab: Lab) -> None:
    bare_lab.cut("MEMBER1", "MEMBER2", 1)
    assert reaches(bare_lab, 0) and not reaches(bare_lab, 1) and reaches(bare_lab, 2)
    assert "LOWER_UP" not in interface_state(bare_lab, "MEMBER2", "m1l1")
    bare_lab.heal("MEMBER1", "MEMBER2", 1)
    bare_lab.wait(lambda: reaches(bare_lab, 1), "the healed link")


def test_silent_cut_drops_packets_and_keeps_interfaces_up(bare_lab: Lab) -> None:
    bare_lab.cut("MEMBER1", "MEMBER2", 0, silent=True)
    assert not reaches(bare_lab, 0) and reaches(bare_lab, 1)
    assert "LOWER_UP" in interface_state(bare_lab, "MEMBER1", "m2l0")
    bare_lab.heal()
    assert reaches(bare_lab, 0)


def test_cut_survives_the_power_of_a_member(bare_lab: Lab) -> None:
    bare_lab.cut("MEMBER1", "MEMBER2", 0)
    bare_lab.cut("MEMBER1", "MEMBER2", 1, silent=True)
    bare_lab.crash("MEMBER2")
    bare_lab.boot("MEMBER2")
    assert not reaches(bare_lab, 0) and not reaches(bare_lab, 1) and reaches(bare_lab, 2)
    bare_lab.heal()
    assert reaches(bare_lab, 0) and reaches(bare_lab, 1)


def test_isolate_cuts_all_links_and_rejoin_heals_them(bare_lab: Lab) -> None:
    bare_lab.isolate("MEMBER1")
    assert not any(reaches(bare_lab, link) for link in range(2))
    assert bare_lab.try_exec("MEMBER2", "ping", "-c1", "-W1", "10.77.2.2").returncode == 0  # MEMBER2 to MEMBER3
    bare_lab.rejoin("MEMBER1")
    bare_lab.wait(lambda: reaches(bare_lab, 0), "the link after rejoin")


def test_throttle_limits_the_rate(bare_lab: Lab) -> None:
    def seconds_for_4_mib() -> float:
        bare_lab.exec("MEMBER2", "sh", "-c", "rm -f /tmp/got; "
                      "socat -u TCP-LISTEN:9999,reuseaddr,bind=10.77.0.2 OPEN:/tmp/got,creat >/dev/null 2>&1 & "
                      "while ! ss -ltn | grep -q :9999; do sleep 0.02; done")
        begun = time.monotonic()
        bare_lab.exec("MEMBER1", "sh", "-c", "head -c 4194304 /dev/zero | socat -u - TCP:10.77.0.2:9999")
        bare_lab.wait(lambda: bare_lab.exec("MEMBER2", "stat", "-c", "%s", "/tmp/got").strip() == "4194304",
                      "4 MiB at MEMBER2", 20)
        return time.monotonic() - begun

    bare_lab.throttle("MEMBER1", "MEMBER2", 20)
    assert 1.3 < seconds_for_4_mib() < 6  # 33.6 Mbit at 20 Mbit/s
    bare_lab.throttle("MEMBER1", "MEMBER2", None)
    assert seconds_for_4_mib() < 1.3
    bare_lab.throttle("MEMBER1", "MEMBER2", 20, 1)
    assert seconds_for_4_mib() < 1.3  # this is link 0
