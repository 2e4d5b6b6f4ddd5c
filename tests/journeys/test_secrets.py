"""Secrets from `publish` to the app, over SSM, on two hosts: versions, what is kept, and where no value is found."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tagship.errors import DeployFailed, Refused
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.sandbox import shop
from tests.sandbox.conftest import client, git, start
from tests.sandbox.shop import Shop

NAMES = [f"s{number}" for number in range(1, 11)]
SECRETS = """
[environments.{name}.secrets]
parameter_store = "/hello/{name}/"
secrets_manager = {{ DATABASE_URL = "hello/{name}/db", TOKEN = "hello/{name}/api#token" }}
"""
# Tells what is in its environment, over HTTP to whoever asks, and (where hello.json says so) in its last words.
APP = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
says = json.loads((Path(__file__).parent / "hello.json").read_text("utf-8"))
everything = dict(os.environ)
if says.get("fault") == "blurts":
    print("cannot connect:", *everything.values(), flush=True)
    sys.exit(3)
class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"version": os.environ["VERSION"]}
        if self.path == "/environment":
            body = everything
        if says.get("fault") == "tells":
            body = everything
        raw = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(500 if says.get("fault") == "tells" else 200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Hello).serve_forever()
"""
KEY = "-----BEGIN KEY-----\nMIIEvQ'IBAD\"AN$HOME\\n%s#\n-----END KEY-----\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    root = shop.make(tmp_path_factory.mktemp("secrets"), NAMES)
    with (root / "tagship.toml").open("a") as file:
        file.write("".join(SECRETS.format(name=name) for name in NAMES))
    (root / "examples/hello/app.py").write_text(APP, "utf-8")
    git(root, "commit", "--quiet", "--all", "-m", "Keep secrets")
    yield root, start(root, hosts=2)
    lifecycle.down(root)


class Kept(Shop):
    """An environment with a parameter, a secret, and a value of a secret."""

    def put(self, parameter: str, database: str, token: str) -> None:
        name = f"/hello/{self.environment}/api/pass-word"
        client(self.running, "ssm").put_parameter(Name=name, Value=parameter, Type="SecureString", Overwrite=True)
        vault = client(self.running, "secretsmanager")
        for name, text in (("db", database), ("api", json.dumps({"token": token, "other": "unused"}))):
            secret = f"hello/{self.environment}/{name}"
            try:
                vault.put_secret_value(SecretId=secret, SecretString=text)
            except vault.exceptions.ResourceNotFoundException:
                vault.create_secret(Name=secret, SecretString=text)

    def ship(self, number: str, fault: str = "") -> str:
        version = self.publish(number, fault)
        deploy(self.app(), artifact=version)
        return version

    def told(self) -> list[tuple[str, str, str]]:
        """The three, as each host's app has them."""
        found = []
        for host in self.hosts:
            with urllib.request.urlopen(f"http://127.0.0.1:{host.port}/environment", timeout=5) as answer:
                value = json.load(answer)
            found.append((value["API_PASS_WORD"], value["DATABASE_URL"], value["TOKEN"]))
        return found

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """No `aws` works on any host: neither S3 nor any secret can be had."""
        for host in self.hosts:
            (host.root / "bin/aws").rename(host.root / "bin/aws.kept")
            (host.root / "bin/aws").write_text("#!/bin/sh\necho no network >&2\nexit 255\n")
            (host.root / "bin/aws").chmod(0o755)
        yield
        for host in self.hosts:
            (host.root / "bin/aws.kept").replace(host.root / "bin/aws")


_free = iter(NAMES)


@pytest.fixture
def here(running: tuple[Path, Running]) -> Kept:
    """An environment that no other test has touched."""
    kept = Kept(*running, next(_free))
    kept.put("first parameter", KEY, "first token")
    return kept


FIRST = ("first parameter", KEY, "first token")
SECOND = ("second parameter", "second database ", "second 'token'")


def test_a_rollback_has_the_versions_that_the_release_had(here: Kept) -> None:
    first = here.ship("0.1.0")
    here.put(*SECOND)
    assert here.told() == [FIRST] * 2
    here.ship("0.1.1")
    assert here.told() == [SECOND] * 2
    with here.unreachable():
        rollback(here.app(), to=first)
    assert here.told() == [FIRST] * 2


def test_a_rollback_to_what_is_not_kept_fetches_the_versions_of_that_time(here: Kept) -> None:
    first = here.ship("0.1.0")
    here.put(*SECOND)
    here.ship("0.1.1")
    for host in here.hosts:
        shutil.rmtree(host.root / "opt/hello/releases" / first)
        (host.root / "opt/hello/secrets" / f"{first}.env").unlink()
    rollback(here.app(), to=first)
    assert here.told() == [FIRST] * 2


def test_the_manifest_names_versions_and_no_value(here: Kept) -> None:
    version = here.publish("0.1.0")
    found = here.app().store.get(f"hello/{here.environment}/{version}/manifest.json")
    assert found
    secrets = json.loads(found.body)["secrets"]
    assert list(secrets) == ["API_PASS_WORD", "DATABASE_URL", "TOKEN"]
    assert secrets["API_PASS_WORD"] == {
        "store": "ssm",
        "name": f"/hello/{here.environment}/api/pass-word",
        "version": "1",
        "key": "",
    }
    assert (secrets["TOKEN"]["name"], secrets["TOKEN"]["key"]) == (f"hello/{here.environment}/api", "token")
    assert secrets["DATABASE_URL"]["version"] != secrets["TOKEN"]["version"]
    assert b"first" not in found.body


def test_what_cannot_be_fetched_stops_a_deployment_before_anything_is_started(here: Kept) -> None:
    good = here.ship("0.1.0")
    new = here.publish("0.1.1")
    client(here.running, "ssm").delete_parameter(Name=f"/hello/{here.environment}/api/pass-word")
    with pytest.raises(DeployFailed) as caught:
        deploy(here.app(), artifact=new)
    assert f"API_PASS_WORD = /hello/{here.environment}/api/pass-word version 1" in caught.value.what
    assert caught.value.state == f"{good} is serving."
    assert here.told() == [FIRST] * 2
    for host in here.hosts:
        steps = [json.loads(line) for line in (host.root / "opt/hello/journal.jsonl").read_text().splitlines()]
        assert "start" not in [one["step"] for one in steps if one["artifact"] == new]
        assert not list((host.root / "opt/hello/secrets").glob(f"{new}*"))


def test_a_secret_that_is_not_there_is_refused_before_anything_is_published(here: Kept) -> None:
    client(here.running, "secretsmanager").delete_secret(SecretId=f"hello/{here.environment}/db")
    with pytest.raises(Refused, match=f"The secret hello/{here.environment}/db is being deleted"):
        here.publish("0.1.0")
    assert not list(here.app().store.list(f"hello/{here.environment}/"))


def test_secrets_go_with_their_release_and_are_their_owners_alone(here: Kept) -> None:
    for number in range(5):
        here.put(f"parameter {number}", f"database {number}", f"token {number}")
        here.ship(f"0.1.{number}")
    for host in here.hosts:
        base = host.root / "opt/hello"
        kept = sorted(path.name for path in (base / "secrets").iterdir())
        assert kept == [f"0.1.{number}-{here.environment}.env" for number in (2, 3, 4)]
        for path in (*(base / "secrets").iterdir(), base / ".env", *(base / "run").glob("*.env")):
            assert stat.S_IMODE(path.stat().st_mode) in ({0o600} if path.name != "proxy.env" else {0o600, 0o644})
        assert stat.S_IMODE((base / "secrets").stat().st_mode) == 0o700
        everything = b"".join(
            path.read_bytes() for path in base.rglob("*") if path.is_file() and "output" not in str(path)
        )
        assert b"parameter 0" not in everything
        assert "database 4" in (base / ".env").read_text()


# -- where no value is found -------------------------------------------------------------------------------------------


class Watch:
    """Every argument list of every process, looked at as often as it goes while something runs."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with suppress(OSError):  # it has ended meanwhile
                    self.seen.add(Path("/proc", pid, "cmdline").read_bytes())


def everything_said(here: Kept) -> dict[str, bytes]:
    """All that is written down of an environment, but for the files on a host that hold what the app has or says."""
    found = {}
    folder, ids = here.running.folder, {host.id for host in here.hosts}
    for path in (*folder.glob("*"), *(path for host in here.hosts for path in host.root.rglob("*"))):
        if path.is_file() and not path.name.endswith((".env", "-app.log")):
            found[str(path.relative_to(folder))] = path.read_bytes()
    store, ssm = here.app().store, client(here.running, "ssm")
    for one in store.list("hello/"):
        stored = store.get(one.key) if here.environment in one.key else None
        if stored and not one.key.endswith(".tar.gz"):
            found[f"s3://{one.key}"] = stored.body
    for command in ssm.list_commands(InstanceId=min(ids))["Commands"]:
        found[f"command {command['CommandId']}"] = json.dumps(command, default=str).encode()
        for host in ids:
            said = ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=host)
            found[f"invocation {command['CommandId']} {host}"] = json.dumps(said, default=str).encode()
    assert len([where for where in found if where.startswith("invocation")]) > 1
    return found


def places(here: Kept, values: list[str], more: dict[str, bytes]) -> list[str]:
    """Where a value is found, as it is or as JSON has it."""
    forms = {form.encode() for value in values for form in (value, json.dumps(value)[1:-1], *value.split("\n")) if form}
    return [where for where, what in {**everything_said(here), **more}.items() if any(form in what for form in forms)]


def test_no_value_is_said_anywhere(here: Kept, capfd: pytest.CaptureFixture[str]) -> None:
    values = ["zq8-parameter-7e1", "zq8-database-'4'\nzq8-second-line", "zq8-token-99"]
    here.put(*values)
    with Watch() as watch:
        first = here.ship("0.1.0")
        here.ship("0.1.1")
        rollback(here.app(), to=first)
        status(here.app(), env=here.environment)
    assert here.told() == [tuple(values)] * 2
    said = capfd.readouterr()
    assert len(watch.seen) > 20
    more = {"an argument": b"\0".join(watch.seen), "out": said.out.encode(), "err": said.err.encode()}
    assert places(here, values, more) == []


@pytest.mark.parametrize("fault", ["blurts", "tells"])
def test_what_an_app_says_of_its_secrets_does_not_leave_the_host(
    here: Kept, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    values = ["zq9-parameter-7e1", "zq9-database-4\nzq9-second-line", "zq9-token-99"]
    here.put(*values)
    with pytest.raises(DeployFailed) as caught:
        here.ship("0.1.0", fault)
    told = f"{caught.value.what}\n{caught.value.evidence}"
    assert "***" in told
    said = capfd.readouterr()
    assert places(here, values, {"the error": told.encode(), "out": (said.out + said.err).encode()}) == []
