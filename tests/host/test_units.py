"""What an app may do on its host: the account that it runs as, what it may write and use, and what its units bear."""

from __future__ import annotations

import pytest

from tests.host.host import Host, Shop

WRITES = """
def may_write(path):
    try:
        open(path, "w").close()
    except OSError:
        return False
    return True
BASE = "/opt/hello"
TRIED = [f"{BASE}/output/x", "/tmp/x", "/var/tmp/x", "/dev/shm/x"]
TRIED += ["./x", f"{BASE}/x", f"{BASE}/.env", f"{BASE}/run/x", "/etc/x"]
print(" ".join(path for path in TRIED if may_write(path)), os.getuid(), os.getgroups(), flush=True)
"""
THREADS = """
import threading
enough = threading.Event()
try:
    for count in range(400):
        threading.Thread(target=enough.wait, daemon=True).start()
except RuntimeError:
    print("threads:", count, flush=True)
enough.set()
"""


def test_a_process_runs_as_an_account_of_its_own_and_writes_to_its_output_alone(host: Host, shop: Shop) -> None:
    answer = host.deploy(host.publish(shop.process("0.1.0-dev", code=WRITES)))
    assert (answer.outcome, host.answers()) == ("healthy", "0.1.0-dev"), answer.output
    uid, gid = host.machine.check("id -u app-hello; id -g app-hello").split()
    assert (uid == "0", host.machine.check("stat -c %u /proc/$(systemctl show -p MainPID --value hello@blue)")) == (
        False,
        uid,
    )
    said = host.machine.check("journalctl --unit hello@blue --output cat --lines 20").splitlines()
    assert f"/opt/hello/output/x /tmp/x /var/tmp/x /dev/shm/x {uid} [{gid}]" in said, said
    assert owned(host, "/opt/hello/output /opt/hello/.env /opt/hello/run/blue.env /opt/hello/releases/0.1.0-dev") == [
        "2770 root:app-hello",
        "600 app-hello:app-hello",
        "600 app-hello:app-hello",
        "755 root:root",
    ]


def test_an_account_that_is_there_is_taken_and_roots_is_not(host: Host, shop: Shop) -> None:
    answer = host.deploy(host.publish(shop.process("0.1.0-dev", user="daemon")))
    assert answer.outcome == "healthy", answer.output
    assert owned(host, "/opt/hello/.env /opt/hello/output") == ["600 daemon:daemon", "2770 root:daemon"]
    host.machine.check("useradd --non-unique --uid 0 --no-create-home superuser")
    answer = host.deploy(host.publish(shop.process("0.1.1-dev", user="superuser")))
    host.machine.check("sed -i /^superuser:/d /etc/passwd /etc/shadow; groupdel superuser")
    assert (answer.outcome, host.answers()) == ("failed", "0.1.0-dev"), answer.output
    assert 'name another as "user" in tagship.toml' in answer.reason


def test_a_container_writes_to_its_output_whoever_its_image_runs_as(host: Host, shop: Shop) -> None:
    code = "open(os.environ['OUTPUT_DIR'] + '/rows', 'w').close()"
    answer = host.deploy(host.publish(shop.docker("0.1.0-dev", code=code)))
    assert answer.outcome == "healthy", answer.output
    assert owned(host, "/opt/hello/output") == ["2770 root:app-hello"]
    assert host.machine.check("stat -c '%U %G' /opt/hello/output/rows") == "nobody app-hello"
    assert owned(host, "/opt/hello/.env /opt/hello/run/blue.env") == ["600 root:root", "600 root:root"]


def test_a_process_has_the_limits_of_the_settings(host: Host, shop: Shop) -> None:
    host.machine.check("systemctl daemon-reexec")  # a machine of ours has its controllers only since Docker started
    limits = {"memory": "64m", "pids": 50}
    assert host.deploy(host.publish(shop.process("0.1.0-dev", code=THREADS, limits=limits))).outcome == "healthy"
    shown = host.machine.check("systemctl show -p MemoryMax -p TasksMax --value hello@blue").split()
    assert shown == [str(64 << 20), "50"]
    said = host.machine.check("journalctl --unit hello@blue --output cat --grep threads:")
    assert 40 < int(said.split()[-1]) < 50, said
    hog = shop.process("0.1.1-dev", code="HOG = b'x' * (256 << 20)", limits=limits)
    answer = host.deploy(host.publish(hog))
    assert (answer.outcome, host.answers()) == ("failed", "0.1.0-dev"), answer.output
    assert "it was killed" in answer.reason
    free = host.deploy(host.publish(shop.process("0.1.2-dev", code="HOG = b'x' * (256 << 20)")))
    assert free.outcome == "healthy", free.output


def test_a_drop_in_of_the_hosts_own_holds_for_both_colours(host: Host, shop: Shop) -> None:
    folder = host.machine.root / "etc/systemd/system/hello@.service.d"
    folder.mkdir()
    (folder / "own.conf").write_text("[Service]\nReadWritePaths=/srv\n")
    for version in ("0.1.0-dev", "0.1.1-dev"):
        assert host.deploy(host.publish(shop.process(version))).outcome == "healthy"
    for colour in ("blue", "green"):
        shown = host.machine.check(f"systemctl show -p ReadWritePaths --value hello@{colour}")
        assert shown == "/opt/hello/output /srv"


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_systemd_finds_little_to_say_against_the_units(host: Host, shop: Shop, runtime: str) -> None:
    bundle = shop.process("0.1.0-dev") if runtime == "process" else shop.docker("0.1.0-dev")
    assert host.deploy(host.publish(bundle)).outcome == "healthy"
    exposed = {
        unit: exposure(host, unit)
        for unit in ("hello@blue.service", "hello-proxy.service", "hello-boot.service", "hello-metadata.service")
    }
    assert {unit: value for unit, value in exposed.items() if value > 2.0} == {}, exposed
    assert (
        host.machine.check("systemd-analyze verify /etc/systemd/system/hello*.service opt-hello-output.mount 2>&1")
        == ""
    )


def exposure(host: Host, unit: str) -> float:
    """systemd's own judgement, from 0 (nothing to say) to 10."""
    total = host.machine.check(f"systemd-analyze security --no-pager {unit} | grep 'Overall exposure'")
    return float(total.split(":")[1].split()[0])


def owned(host: Host, paths: str) -> list[str]:
    """Mode, account and group of files."""
    return host.machine.check(f"stat -c '%a %U:%G' {paths}").splitlines()
