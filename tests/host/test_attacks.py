"""Attacks on a host: each takes a foothold, tries what its wall is there to stop, and is stopped (docs/security.md)."""

from __future__ import annotations

import ast
import shlex
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tagship.domain.manifest import ImageRef
from tests.host.ground import until
from tests.host.host import PORT, REPOSITORY, Host, Shop
from tests.sandbox.bundles import Bundle

BASE = "/opt/hello"
PRIVATE = "lock state.json fence journal.jsonl log/*"
# What may not be done goes to the log, beside what may.
TRY = """
def tried(what, act):
    try:
        act()
    except (OSError, ValueError) as reason:
        print("refused:", what, type(reason).__name__, flush=True)
    else:
        print("done:", what, flush=True)
"""
CHOWNS = f"""{TRY}
import os, socket
open("/x", "w").close()
tried("chown", lambda: os.chown("/x", 1, 1))
tried("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
print("capabilities:", [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapBnd"))])
"""
DUMPS = f"""{TRY}
import os, resource
ENDLESS = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
tried("raising the limit of core dumps", lambda: resource.setrlimit(resource.RLIMIT_CORE, ENDLESS))
child = os.fork()
if child == 0:
    os.chdir(os.environ["OUTPUT_DIR"])
    os.abort()
os.waitpid(child, 0)
"""
ECHOES = """
import http.server
parse = http.server.BaseHTTPRequestHandler.parse_request
def telling(handler):
    good = parse(handler)
    if good:
        names = ("X-Forwarded-For", "X-Real-IP", "Forwarded")
        print("from:", [handler.headers.get_all(name) for name in names], flush=True)
    return good
http.server.BaseHTTPRequestHandler.parse_request = telling
"""


def as_user(host: Host, script: str) -> str:
    """Run a script as an account that is nobody's; what it says, on either output."""
    words = "setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs sh -c"
    return host.machine.run(f"cd / && {words} {shlex.quote(script)} 2>&1").out


def said(host: Host, colour: str = "blue") -> str:
    return host.machine.check(f"journalctl --unit hello@{colour} --output cat --no-pager")


def as_root(shop: Shop, version: str, user: str = "root", code: str = "") -> ImageRef:
    """An image like the shop's that runs as that user, who is root by number."""
    base = shop.image(version, {}, code)
    tag = f"{version}-{user.replace(':', '-')}"
    folder = shop.engine.machine.folder / "context" / tag
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "passwd").write_text("root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    (folder / "Dockerfile").write_text(f"FROM {base.repository}:{version}\nCOPY passwd /etc/passwd\nUSER {user}\n")
    name = f"{REPOSITORY}:{tag}"
    shop.engine.docker("build", "--quiet", "--tag", name, str(folder))
    shop.engine.docker("push", "--quiet", name)
    return ImageRef(REPOSITORY, tag, shop.engine.digest(name))


# -- a local user: files -----------------------------------------------------------------------------------------------


def test_a_local_user_cannot_hold_the_lock_nor_read_state_and_logs(host: Host, shop: Shop, serving: Bundle) -> None:
    modes = host.machine.check(f"cd {BASE} && stat -c '%a %U' {PRIVATE}").splitlines()
    assert set(modes) == {"600 root"}, modes
    assert host.machine.check(f"cd {BASE} && stat -c %a . log run").split() == ["711", "700", "711"]
    tried = as_user(host, f"cd {BASE}; for f in lock state.json fence journal.jsonl log/x; do cat $f; done; ls . log")
    assert tried.count("Permission denied") == 7, tried
    assert "Permission denied" in as_user(host, f"exec 9<{BASE}/lock && flock -n 9 && echo held")
    assert host.deploy(host.publish(shop.process("0.1.1-dev"))).outcome == "healthy"


def test_a_lock_that_a_local_user_holds_since_an_older_version_blocks_nothing(
    host: Host, shop: Shop, serving: Bundle
) -> None:
    host.machine.check(f"cd {BASE} && chmod 755 . log run && chmod 644 {PRIVATE}")
    holder = f"exec 9<{BASE}/lock && flock -n 9 && exec sleep 300"
    host.machine.check(f"setpriv --reuid nobody --clear-groups sh -c {shlex.quote(holder)} >/dev/null 2>&1 & sleep 0.3")
    try:
        assert host.machine.run(f"flock -n {BASE}/lock true").code == 1  # it is held
        answer = host.deploy(host.publish(shop.process("0.1.1-dev")))
    finally:
        host.machine.run("pkill --uid nobody --exact sleep")
    assert (answer.outcome, host.answers()) == ("healthy", "0.1.1-dev"), answer.output
    modes = host.machine.check(f"cd {BASE} && stat -c '%a %U' {PRIVATE}").splitlines()
    assert set(modes) == {"600 root"}, modes
    assert host.machine.check(f"cd {BASE} && stat -c %a . log run").split() == ["711", "700", "711"]


def test_an_action_that_holds_the_lock_of_an_older_version_still_excludes_another(
    host: Host, shop: Shop, serving: Bundle
) -> None:
    """The file is not renewed under an action's feet."""
    host.machine.check(f"chmod 644 {BASE}/lock")
    host.machine.check(f"flock {BASE}/lock sleep 300 >/dev/null 2>&1 & sleep 0.3")
    try:
        answer = host.deploy(host.publish(shop.process("0.1.1-dev")))
    finally:
        host.machine.run("pkill --uid root --exact sleep")
    assert (answer.outcome, answer.code) == ("held", 4), answer.output


# -- the app: what it runs as ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["root", "0:0", "toor"])
def test_an_image_that_runs_as_root_is_refused_before_the_switch(
    host: Host, shop: Shop, serving: Bundle, user: str
) -> None:
    version = f"0.2.{len(user)}-dev"
    image = as_root(shop, version, user)
    answer = host.deploy(host.publish(shop.docker(version, image=image)))
    assert (answer.outcome, answer.code, host.answers()) == ("failed", 6, "0.1.0-dev"), answer.output
    assert f"the image of {version} runs as root: give it a USER in its Dockerfile" in answer.reason
    assert host.journal().count("switch") == 1  # that of what serves


def test_root_in_a_container_that_may_be_root_has_no_capability(host: Host, shop: Shop) -> None:
    image = as_root(shop, "0.1.0-dev", code=CHOWNS)
    answer = host.deploy(host.publish(shop.docker("0.1.0-dev", image=image, container={"root": True})))
    assert answer.outcome == "healthy", answer.output
    log = said(host)
    assert "refused: chown PermissionError" in log, log
    assert "refused: raw socket PermissionError" in log, log
    assert "capabilities: ['0000000000000000', '0000000000000000']" in log, log


def test_a_container_has_the_capability_that_was_asked_for_and_no_other(host: Host, shop: Shop) -> None:
    image = as_root(shop, "0.1.0-dev", code=CHOWNS)
    asked = {"root": True, "capabilities": ["CHOWN"]}
    assert host.deploy(host.publish(shop.docker("0.1.0-dev", image=image, container=asked))).outcome == "healthy"
    log = said(host)
    assert "done: chown" in log, log
    assert "refused: raw socket PermissionError" in log, log


def test_a_program_of_another_accounts_gives_a_container_no_rights(host: Host, serving: Bundle) -> None:
    options = host.machine.check(
        "docker inspect --format '{{.HostConfig.SecurityOpt}} {{.HostConfig.CapDrop}}' hello-blue"
    )
    assert options == "[no-new-privileges] [ALL]"
    pid = host.machine.check("docker inspect --format '{{.State.Pid}}' hello-blue")
    assert host.machine.check(f"grep NoNewPrivs /proc/{pid}/status").split()[1] == "1"


def test_the_default_manager_runs_no_app_as_root(host: Host, shop: Shop, serving: Bundle) -> None:
    answer = host.deploy(host.publish(shop.process("0.1.1-dev", manager="process")))
    assert (answer.outcome, answer.code, host.answers()) == ("failed", 6, "0.1.0-dev"), answer.output
    assert answer.reason.startswith(
        'manager = "process" would run hello as root on this host: set ec2.manager = "systemd"'
    )


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_an_app_that_crashes_leaves_no_dump_with_its_secrets(host: Host, shop: Shop, runtime: str) -> None:
    bundle = shop.process("0.1.0-dev", code=DUMPS) if runtime == "process" else shop.docker("0.1.0-dev", code=DUMPS)
    assert host.deploy(host.publish(bundle)).outcome == "healthy"
    log = said(host)
    assert "refused: raising the limit of core dumps ValueError" in log, log
    assert host.machine.check(f"find {BASE} -name 'core*' -newer {BASE}/fence -size +0") == ""
    assert (
        host.machine.check("systemctl show -p LimitCORE --value hello@blue hello-proxy hello-boot").split() == ["0"] * 3
    )


# -- the network -------------------------------------------------------------------------------------------------------


def test_a_client_cannot_say_that_a_request_is_from_somebody_else(host: Host, shop: Shop) -> None:
    assert host.deploy(host.publish(shop.process("0.1.0-dev", code=ECHOES))).outcome == "healthy"
    forge(host)
    assert heard(host) == [str(host.machine.ground.gateway)] + [None] * 2
    trusting = shop.process("0.1.1-dev", code=ECHOES, trusted_proxies=[f"{host.machine.ground.gateway}/32"])
    assert host.deploy(host.publish(trusting)).outcome == "healthy"
    forge(host)
    assert heard(host, "green") == ["6.6.6.6", "6.6.6.7", "for=6.6.6.8"]


def forge(host: Host) -> None:
    """A request from outside that claims to be somebody else's."""
    headers = {"X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.7", "Forwarded": "for=6.6.6.8"}
    request = urllib.request.Request(f"http://{host.machine.address}:8080/forged", headers=headers)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request, timeout=5)


def heard(host: Host, colour: str = "blue") -> list[str | None]:
    """What the app heard of who asked last."""
    lines = [line for line in said(host, colour).splitlines() if line.startswith("from:")]
    values = ast.literal_eval(lines[-1].removeprefix("from:").strip())
    return [",".join(value).removeprefix("::ffff:") if value else None for value in values]


# The metadata service, in a network of its own behind the machine, as EC2's is behind an instance.
METADATA = """\
ip netns add imds
ip link add imds0 type veth peer name eth0 netns imds
ip address add 10.99.0.1/30 dev imds0 && ip link set imds0 up
ip -n imds link set lo up && ip -n imds address add 169.254.169.254/32 dev lo
ip -n imds address add 10.99.0.2/30 dev eth0 && ip -n imds link set eth0 up
ip -n imds route add default via 10.99.0.1
ip route add 169.254.169.254/32 via 10.99.0.2
cat >/srv/imds.py <<'END'
import http.server, socketserver
class Role(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"credentials of the role")
socketserver.TCPServer(("169.254.169.254", 80), Role).serve_forever()
END
ip netns exec imds python3 /srv/imds.py >/srv/imds.log 2>&1 &
for n in $(seq 100); do curl -sf -m 2 http://169.254.169.254/ && exit; sleep 0.1; done; cat /srv/imds.log; exit 1
"""
NO_METADATA = "ip netns pids imds | xargs -r kill; ip link delete imds0; ip netns delete imds"
ASKS = f"""{TRY}
import urllib.request
from collections.abc import Iterator
direct = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
tried("metadata", lambda: print(direct.open("http://169.254.169.254/", timeout=4).read().decode()))
"""


@pytest.fixture
def metadata(host: Host) -> Iterator[Host]:
    """A host with the metadata service of EC2."""
    assert host.machine.check(METADATA) == "credentials of the role"
    yield host
    host.machine.check(NO_METADATA)


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_the_app_has_not_the_rights_of_the_hosts_role(metadata: Host, shop: Shop, runtime: str) -> None:
    ship = shop.process if runtime == "process" else shop.docker
    closed, opened = ship("0.1.0-dev", code=ASKS), ship("0.1.1-dev", code=ASKS, metadata=True)
    orders = (("deploy", closed, "blue", True), ("deploy", opened, "green", False), ("rollback", closed, "blue", True))
    for action, bundle, colour, refused in orders:
        answer = metadata.run(metadata.order(action, metadata.publish(bundle)))
        assert answer.outcome == "healthy", answer.output
        lines = said(metadata, colour).splitlines()
        last = [line for line in lines if line.startswith(("refused: metadata", "done: metadata"))][-1]
        assert last.startswith("refused") == refused, lines
        assert metadata.machine.check("curl -sf http://169.254.169.254/") == "credentials of the role"


def test_the_wall_around_the_metadata_service_is_there_after_a_boot(host: Host, shop: Shop) -> None:
    assert host.deploy(host.publish(shop.docker("0.1.0-dev"))).outcome == "healthy"
    host.machine.kill()
    host.machine.boot()
    until(lambda: host.answers() == "0.1.0-dev", 20, "it serves")
    assert "to 169.254.169.254 iif docker0 prohibit" in host.machine.check("ip rule")


# -- what it leaves on the disk ----------------------------------------------------------------------------------------

LEAVES = f"""{TRY}
import os, shutil, stat
place = os.environ["OUTPUT_DIR"]
shutil.copy("/usr/bin/python3", place + "/python")
tried("setuid", lambda: os.chmod(place + "/python", 0o6755))
tried("device", lambda: os.mknod(place + "/zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5)))
os.chmod(place + "/zero", 0o666)
"""


def test_what_a_container_writes_gives_nobody_on_the_host_its_rights(host: Host, shop: Shop) -> None:
    image = as_root(shop, "0.1.0-dev", code=LEAVES)
    asked = {"root": True, "capabilities": ["MKNOD", "FSETID"]}
    answer = host.deploy(host.publish(shop.docker("0.1.0-dev", image=image, container=asked)))
    assert answer.outcome == "healthy", answer.output
    assert "done: setuid" in said(host)
    assert "done: device" in said(host)
    assert host.machine.check(f"stat -c %a {BASE}/output/python") == "6755"
    member = "setpriv --reuid nobody --regid app-hello --clear-groups"
    ran = host.machine.check(f"{member} {BASE}/output/python -c 'import os; print(os.geteuid())'")
    assert ran == host.machine.check("id -u nobody")
    read = host.machine.run(f"{member} head -c 1 {BASE}/output/zero")
    assert (read.code, read.err.strip().rpartition(": ")[2]) == (1, "Permission denied"), read


def test_a_mount_of_somebodys_own_without_the_options_is_refused_before_the_switch(
    host: Host, shop: Shop, serving: Bundle
) -> None:
    host.machine.check(f"umount --lazy {BASE}/output && rm /etc/systemd/system/opt-hello-output.mount")
    host.machine.check(f"mount -t tmpfs tmpfs {BASE}/output && systemctl daemon-reload")
    answer = host.deploy(host.publish(shop.process("0.1.1-dev")))
    assert (answer.outcome, host.answers()) == ("failed", "0.1.0-dev"), answer.output
    assert f"mount -o remount,nosuid,nodev {BASE}/output" in answer.reason
    host.machine.check(f"mount -o remount,nosuid,nodev {BASE}/output")
    assert host.deploy(host.publish(shop.process("0.1.1-dev"))).outcome == "healthy"


# -- the app's port ----------------------------------------------------------------------------------------------------

SQUATS = """
import socket, sys, time
end, words = time.monotonic() + 8, set()
while time.monotonic() < end:
    squatter = socket.socket()
    squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        squatter.bind(("127.0.0.1", int(sys.argv[1])))
        squatter.listen()
    except OSError as reason:
        words.add(type(reason).__name__)
        squatter.close()
    else:
        words.add("BOUND")
        time.sleep(1)
    time.sleep(0.001)
print(*sorted(words))
"""


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_nobody_else_can_bind_the_port_of_an_app_that_crashed(host: Host, shop: Shop, runtime: str) -> None:
    bundle = shop.process("0.1.0-dev") if runtime == "process" else shop.docker("0.1.0-dev")
    assert host.deploy(host.publish(bundle)).outcome == "healthy"
    (host.machine.root / "srv/squat.py").write_text(SQUATS)
    squatter = host.machine.start(
        f"setpriv --reuid nobody --regid nogroup --clear-groups python3 /srv/squat.py {host.state()['port']}"
    )
    for times in ("1", "2"):
        host.machine.check("docker kill hello-blue" if runtime == "docker" else "systemctl kill -s KILL hello@blue")
        restarts = "systemctl show -p NRestarts --value hello@blue"
        until(lambda: host.machine.check(restarts) == times, 15, "it is started anew")  # noqa: B023
        until(lambda: host.answers() == "0.1.0-dev", 15, "it serves, on the port that it had")
    out, err = squatter.communicate(timeout=30)
    assert (out.strip(), err) == ("PermissionError", "")


def test_nobody_else_can_bind_the_port_of_a_proxy_that_crashed_on_a_host_that_keeps_it(
    host: Host, serving: Bundle
) -> None:
    """The proxy has the right to bind such a port whatever its number; the host says which ports are such."""
    setting = "net.ipv4.ip_unprivileged_port_start"
    host.machine.check(f"sysctl -qw {setting}={PORT + 1}")
    try:
        (host.machine.root / "srv/squat.py").write_text(SQUATS)
        as_nobody = "setpriv --reuid nobody --regid nogroup --clear-groups"
        squatter = host.machine.start(f"{as_nobody} python3 /srv/squat.py {PORT}")
        for times in ("1", "2"):
            host.machine.check("systemctl kill -s KILL hello-proxy")
            restarts = "systemctl show -p NRestarts --value hello-proxy"
            until(lambda: host.machine.check(restarts) == times, 15, "it is started anew")  # noqa: B023
            until(lambda: host.answers() == "0.1.0-dev", 15, "the proxy serves")
        out, err = squatter.communicate(timeout=30)
    finally:
        host.machine.check(f"sysctl -qw {setting}=1024")
    assert (out.strip(), err) == ("PermissionError", "")


def test_a_host_on_which_any_account_may_bind_the_ports_is_refused(host: Host, shop: Shop, serving: Bundle) -> None:
    setting = "net.ipv4.ip_unprivileged_port_start"
    host.machine.check(f"sysctl -qw {setting}=80")
    try:
        answer = host.deploy(host.publish(shop.process("0.1.1-dev")))
    finally:
        host.machine.check(f"sysctl -qw {setting}=1024")
    assert (answer.outcome, host.answers()) == ("failed", "0.1.0-dev"), answer.output
    assert f"sysctl -w {setting}=1024" in answer.reason


def test_the_port_of_an_app_that_crashed_is_not_given_to_another(host: Host, shop: Shop, serving: Bundle) -> None:
    """Of 38 ports two are free for it: what another app has recorded is not taken, though nobody listens there."""
    ports = [*range(288, 308), *range(325, 333), *range(334, 344)]
    left = [port for port in ports if port != host.state()["port"]][:2]
    try:
        for number, port in enumerate(port for port in ports if port not in (*left, host.state()["port"])):
            host.machine.check(
                f"mkdir -p /opt/other-{number}/run && echo {port} 1.0.0 0 0 >/opt/other-{number}/run/blue"
            )
        assert host.deploy(host.publish(shop.process("0.1.1-dev"))).outcome == "healthy"
        assert host.state()["port"] in left
    finally:
        host.machine.check("rm -rf /opt/other-*")
