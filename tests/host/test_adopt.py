"""A host that ran the app before tagship: taken over, deployed to, and given back. What ran is all there afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tagship.domain.ec2 import verdict
from tagship.domain.ec2.adoption import adoption_commands
from tagship.domain.ec2.inspection import inspection_commands
from tagship.domain.inspection import Inspection, inspection_of
from tests.host.ground import until
from tests.host.host import PORT, Host, Shop
from tests.host.registry import HOST, PASSWORD

APP = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"version": os.environ["TOKEN"]}).encode())
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
UNIT = """
[Service]
User=shopkeeper
WorkingDirectory=/opt/hello
EnvironmentFile=/opt/hello/.env
ExecStart=/usr/bin/python3 /opt/hello/app.py
Restart=always
[Install]
WantedBy=multi-user.target
"""
GIVEN_BACK = """
systemctl disable --quiet --now hello.service 2>/dev/null
docker ps -aq --filter name=other 2>/dev/null | xargs -r docker rm --force >/dev/null
rm -rf /etc/systemd/system/hello.service /opt/hello.* /etc/tagship/hello/adopted* /root/.docker
rm -rf /srv/orders /srv/hello /srv/shared /srv/empty /srv/link
systemctl daemon-reload
"""


@pytest.fixture
def before(host: Host) -> Host:
    """A host that runs hello by a unit of its own, as an account of its own, with its data beside it."""
    host.machine.check("id shopkeeper >/dev/null 2>&1 || useradd --system shopkeeper")
    host.machine.check("mkdir -p /opt/hello/data && echo 42 >/opt/hello/data/orders && chown -R shopkeeper /opt/hello")
    for path, text in {"/opt/hello/app.py": APP, "/etc/systemd/system/hello.service": UNIT}.items():
        host.machine.check(f"cat >{path} <<'END'\n{text}\nEND")
    host.machine.check("cd /opt/hello && echo TOKEN=before >.env && chmod 0600 .env && chown shopkeeper .env")
    host.machine.check("systemctl daemon-reload && systemctl enable --quiet --now hello.service")
    until(lambda: host.answers() == "before", 30, "the answer to be 'before'")
    return host


@pytest.fixture(autouse=True)
def given_back(host: Host) -> Iterator[None]:
    yield
    host.machine.check(GIVEN_BACK)


def adopt(host: Host, *, undo: bool = False) -> str:
    done = host.machine.run("\n".join(adoption_commands("hello", PORT, undo=undo)) + "\n", timeout=60)
    report = verdict.read("i-1", done.out, done.err)
    assert report.good, report.reason
    return report.reason


def look(host: Host) -> Inspection:
    done = host.machine.run("\n".join(inspection_commands("hello", PORT)) + "\n", timeout=60)
    return inspection_of(json.loads(done.out)["facts"])


def test_a_host_is_adopted_deployed_to_and_given_back(before: Host, shop: Shop) -> None:
    host = before
    seen = look(host)
    assert (seen.units, seen.users, seen.port) == (("hello.service",), ("shopkeeper",), ("python3",))
    assert sorted(seen.files) == [".env", "app.py", "data"]
    assert adopt(host) == "what ran is stopped and kept"
    assert look(host).in_the_way == ""
    assert host.machine.run("systemctl is-enabled hello.service").out.strip() == "disabled"
    tells = 'assert os.environ["TOKEN"] == "before"\nassert open("/opt/hello/data/orders").read() == "42\\n"\n'
    tells += 'open("/opt/hello/data/orders", "a").write("43\\n")'
    volume = {"host": "/opt/hello.before-tagship/data", "container": "/opt/hello/data"}
    first = host.publish(shop.process("0.1.0-dev", code=tells, user="shopkeeper", volumes=[volume]))
    assert host.deploy(first).code == 0
    assert host.answers() == "0.1.0-dev"
    assert look(host).ours
    assert adopt(host, undo=True) == "what ran before runs again"
    until(lambda: host.answers() == "before", 30, "the answer to be 'before'")
    assert host.machine.check("cat /opt/hello/data/orders; stat -c '%U %a' /opt/hello/.env").split() == [
        "42", "43", "shopkeeper", "600"
    ]  # fmt: skip
    assert host.machine.run("systemctl is-enabled hello.service").out.strip() == "enabled"


def test_a_first_deployment_that_fails_leads_back_to_what_ran_before(before: Host, shop: Shop) -> None:
    host = before
    adopt(host)
    broken = host.publish(shop.process("0.1.0-dev", {"healthy": False}, health={"attempts": 2}))
    answer = host.deploy(broken)
    assert (answer.code, answer.verdict["facts"]) == (6, {"before": "kept"}), answer.output
    assert look(host).files == ()
    assert adopt(host, undo=True) == "what ran before runs again"
    until(lambda: host.answers() == "before", 30, "the answer to be 'before'")


def test_a_first_deployment_that_nobody_prepared_leaves_what_runs_alone(before: Host, shop: Shop) -> None:
    host = before
    first = host.publish(shop.process("0.1.0-dev"))
    seen = "cd /opt/hello && find . -printf '%p %u %m\\n' | sort"
    files = host.machine.check(seen)
    answer = host.deploy(first)
    assert (answer.code, answer.verdict["facts"], host.answers()) == (6, {"before": "there"}, "before"), answer.output
    assert answer.reason == "/opt/hello has what tagship did not put there: app.py data .env"
    assert host.machine.check(seen) == files
    host.machine.check("mv /opt/hello /opt/elsewhere")
    answer = host.deploy(first)
    assert (answer.code, answer.verdict["facts"], host.answers()) == (6, {"before": "there"}, "before"), answer.output
    assert "something else listens on port 8080" in answer.reason
    host.machine.check("umount /opt/hello/output; rm -rf /opt/hello && mv /opt/elsewhere /opt/hello")
    adopt(host)
    answer = host.deploy(first)
    assert (answer.code, "facts" in answer.verdict) == (0, False), answer.output


def test_a_container_that_ran_before_is_kept_with_its_policy_and_runs_again(host: Host, shop: Shop) -> None:
    image = shop.image("0.0.9", {}).by_digest
    host.machine.check(f"docker login --username AWS --password {PASSWORD} {HOST} && docker pull --quiet {image}")
    run = "docker run --detach --name hello --restart unless-stopped --publish 8080:8080"
    host.machine.check(f"{run} --env PORT=8080 --env VERSION=before {image}")
    until(lambda: host.answers() == "before", 30, "the answer to be 'before'")
    assert look(host).containers == ("hello",)
    adopt(host)
    until(lambda: host.answers() == "", 30, "the answer to be ''")
    volumes = [{"host": "/srv/orders", "container": "/data", "read_only": True}]
    words = {"entrypoint": "python3", "command": ["app.py", "a b"]}
    code = 'assert open("/data/all").read() == "42\\n" and sys.argv[1:] == ["a b"]'
    bundle = host.publish(shop.docker("0.1.0-dev", code=code, volumes=volumes, container=words))
    answer = host.deploy(bundle)
    assert (answer.code, "/srv/orders of ec2.volumes is not on this host" in answer.reason) == (6, True), answer.output
    host.machine.check("mkdir -p /srv/orders && echo 42 >/srv/orders/all")
    answer = host.deploy(bundle)
    assert answer.code == 0, answer.output
    assert host.answers() == "0.1.0-dev"
    adopt(host, undo=True)
    until(lambda: host.answers() == "before", 30, "the answer to be 'before'")
    policy = "docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' hello"
    assert host.machine.check(policy) == "unless-stopped"


def test_a_folder_is_made_for_its_owner_and_one_of_somebody_else_is_not_handed_over(host: Host, shop: Shop) -> None:
    writes = 'open("/data/orders", "a").write("42\\n")'
    volume = {"host": "/srv/hello/data", "container": "/data", "owner": "app-hello"}
    answer = host.deploy(host.publish(shop.process("0.1.0-dev", code=writes, volumes=[volume])))
    assert (answer.code, host.answers()) == (0, "0.1.0-dev"), answer.output
    whose = "stat -c '%U %a' /srv/hello /srv/hello/data; cat /srv/hello/data/orders"
    assert host.machine.check(whose).split() == ["root", "755", "app-hello", "750", "42"]
    host.machine.check("chown -R nobody /srv/hello/data")
    second = host.publish(shop.process("0.1.1-dev", code=writes, volumes=[volume]))
    answer = host.deploy(second)
    assert (answer.code, host.answers()) == (6, "0.1.0-dev"), answer.output
    assert "/srv/hello/data of ec2.volumes belongs to nobody:" in answer.reason
    assert host.machine.check("stat -c %U /srv/hello/data/orders").strip() == "nobody"
    host.machine.check(answer.reason.split("all that is in it: ")[1])
    assert (host.deploy(second).code, host.answers()) == (0, "0.1.1-dev")


def test_root_makes_and_gives_away_no_folder_where_somebody_else_may_write(host: Host, shop: Shop) -> None:
    host.machine.check("id shopkeeper >/dev/null 2>&1 || useradd --system shopkeeper")
    host.machine.check("mkdir -p /srv/shared /srv/empty && chown shopkeeper /srv/shared && ln -s /etc /srv/link")

    def reason(version: str, folder: str, owner: str = "shopkeeper") -> str:
        answer = host.deploy(host.publish(shop.process(version, volumes=[{"host": folder, "owner": owner}])))
        assert answer.code == (6 if answer.reason else 0), answer.output
        return str(answer.reason)

    assert "/srv/shared/ is not root's alone" in reason("0.1.0-dev", "/srv/shared/data")
    assert host.machine.run("test -e /srv/shared/data").code == 1
    assert "/srv/link of ec2.volumes belongs to root:root (0:0), not to shopkeeper" in reason("0.1.1-dev", "/srv/link")
    assert host.machine.check("stat -Lc %U /srv/link").strip() == "root"
    told = reason("0.1.2-dev", "/srv/empty", "nosuchone")
    assert "the account nosuchone, owner of a folder of ec2.volumes, is not on this host" in told
    assert reason("0.1.3-dev", "/srv/empty") == ""
    assert host.machine.check("stat -c '%U %a' /srv/empty").strip() == "shopkeeper 750"


def test_containers_have_the_name_that_the_settings_give_and_take_no_one_elses(host: Host, shop: Shop) -> None:
    image = shop.image("0.1.0-dev", {})
    first = shop.docker("0.1.0-dev", image=image, container={"name": "other"})
    assert host.deploy(host.publish(first)).code == 0
    names = "docker ps --format '{{.Names}}'"
    assert host.machine.check(names).split() == ["other-blue"]
    assert look(host).containers == ()
    host.machine.check(f"docker create --name hello-green {image.by_digest}")
    second = host.publish(shop.docker("0.1.1-dev"))
    answer = host.deploy(second)
    assert (answer.code, host.answers()) == (6, "0.1.0-dev"), answer.output
    assert "a container of this host is called hello-green, and is not one of hello's" in answer.reason
    host.machine.check(answer.reason.split("rename it (")[1].split(")")[0])
    assert host.deploy(second).code == 0
    assert host.machine.check(names).split() == ["hello-green"]
    answer = host.rollback(first)
    assert (answer.code, host.answers()) == (0, "0.1.0-dev"), answer.output
    assert host.machine.check(names).split() == ["other-blue"]
    host.machine.check("docker kill other-blue")
    until(lambda: host.answers() == "0.1.0-dev", 30, "it to be started anew by its unit")
    host.machine.check("docker rm --force hello-green-before")
