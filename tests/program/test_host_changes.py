"""The host program's main road: deploy, roll back, say what runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.sandbox.bundles import BUILT, COMMIT, Bundle, make, settings
from tests.sandbox.machine import Machine, commands, machine, runs

STEPS = ["environment", "start", "health", "switch", "check", "drain", "stop", "commit", "prune", "end"]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        yield one


def shipped(host: Machine, artifact: str, **how: object) -> Bundle:
    bundle = make(artifact, **how)  # type: ignore[arg-type]
    bundle.put(host.bucket)
    answer = host.deploy(bundle)
    assert (answer.code, answer.outcome) == (0, "healthy"), answer.output
    return bundle


def test_a_first_deployment_serves(host: Machine) -> None:
    bundle = make("0.1.0-dev")
    bundle.put(host.bucket)
    answer = host.deploy(bundle)
    assert answer.code == 0
    assert answer.verdict | {"durations": {}, "health": {}} == {
        "tagship": 1,
        "action": "deploy",
        "outcome": "healthy",
        "artifact": "0.1.0-dev",
        "serving": "0.1.0-dev",
        "previous": "",
        "reason": "",
        "evidence": "",
        "fence": 1,
        "health": {},
        "durations": {},
        "kept": ["0.1.0-dev"],
        "unsigned": False,
    }
    assert set(answer.durations) == {"fetch", "start", "health", "switch", "total"}
    assert answer.health["attempts"] == 2
    assert host.answers() == "0.1.0-dev"
    assert answer.errors == ""


def test_what_is_on_the_disk_afterwards(host: Machine) -> None:
    shipped(host, "0.1.0-dev")
    state = host.state()
    assert (state["serving"], state["colour"], state["previous"], state["fence"]) == ("0.1.0-dev", "blue", "", 1)
    assert os.readlink(host.base / "current") == "releases/0.1.0-dev"
    assert (host.base / "releases/0.1.0-dev/manifest.sig").is_file()
    assert not list((host.base / "incoming").iterdir())
    assert (host.base / "fence").read_text() == "1\n"
    assert [line["step"] for line in host.journal()] == ["accept", "fetch", "verify", "unpack", *STEPS]


def test_the_next_deployment_takes_the_other_colour_and_stops_the_first(host: Machine) -> None:
    shipped(host, "0.1.0-dev")
    first = host.record("blue")
    shipped(host, "0.1.1-dev")
    assert host.answers() == "0.1.1-dev"
    assert host.living() == ["0.1.1-dev"]
    assert (host.state()["colour"], host.state()["previous"]) == ("green", "0.1.0-dev")
    assert not runs(first[0])
    assert (host.base / "releases/0.1.0-dev").is_dir()


def test_the_proxy_is_never_restarted(host: Machine) -> None:
    bundles = [shipped(host, "0.1.0-dev")]
    proxy = host.record("proxy")
    bundles.append(shipped(host, "0.1.1-dev"))
    host.rollback(bundles[0])
    assert host.record("proxy") == proxy


def test_what_serves_already_is_left_alone(host: Machine) -> None:
    bundle = shipped(host, "0.1.0-dev")
    before = host.record("blue")
    answer = host.deploy(bundle)
    assert (answer.code, answer.outcome, answer.serving) == (0, "unchanged", "0.1.0-dev")
    assert host.record("blue") == before


@pytest.mark.parametrize("action", ["deploy", "rollback"])
def test_what_should_serve_and_died_is_started_again(host: Machine, action: str) -> None:
    bundle = shipped(host, "0.1.0-dev")
    os.kill(int(host.record("blue")[0]), signal.SIGKILL)
    answer = host.run(host.order(action, bundle))
    assert (answer.code, answer.outcome) == (0, "healthy")
    assert host.answers() == "0.1.0-dev"


def test_rollback_to_a_kept_version_needs_no_network(host: Machine) -> None:
    first = shipped(host, "0.1.0-dev")
    shipped(host, "0.1.1-dev")
    host.tool("aws", "#!/bin/sh\necho no network >&2\nexit 1\n")
    answer = host.rollback(first)
    assert (answer.code, answer.outcome, answer.previous) == (0, "healthy", "0.1.1-dev")
    assert host.answers() == "0.1.0-dev"
    assert answer.durations["fetch"] == 0
    assert {"fetch", "unpack"}.isdisjoint(line["step"] for line in host.journal() if line["action"] == "rollback")


def test_rollback_to_a_version_that_is_not_kept_fetches_it(host: Machine) -> None:
    bundle = make("0.1.0-dev")
    bundle.put(host.bucket)
    shipped(host, "0.1.1-dev")
    assert host.rollback(bundle).outcome == "healthy"
    assert host.answers() == "0.1.0-dev"


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_releases_that_served_last_are_kept_and_always_the_previous_one(host: Machine, keep: int) -> None:
    """By when they served, and not by their number: 0.1.2-dev is what the rollback leaves, 0.1.1-dev serves."""
    using = settings(keep=keep)
    bundles = [shipped(host, f"0.1.{number}-dev", using=using) for number in range(3)]
    assert host.status().kept == kept_of("0.1.0-dev 0.1.1-dev 0.1.2-dev", max(keep, 2))
    assert host.rollback(bundles[1]).outcome == "healthy"
    assert host.prune().kept == kept_of("0.1.0-dev 0.1.1-dev 0.1.2-dev", max(keep, 2))
    shipped(host, "0.1.3-dev", using=using)
    assert host.status().kept == sorted(kept_of("0.1.2-dev 0.1.1-dev 0.1.3-dev", max(keep, 2)))


def kept_of(oldest_first: str, count: int) -> list[str]:
    return oldest_first.split()[-count:]


def test_with_one_to_keep_there_is_still_a_way_back_without_a_network(host: Machine) -> None:
    first = shipped(host, "0.1.0-dev", using=settings(keep=1))
    shipped(host, "0.1.1-dev", using=settings(keep=1))
    host.tool("aws", "#!/bin/sh\nexit 1\n")
    assert (host.rollback(first).outcome, host.answers()) == ("healthy", "0.1.0-dev")


def test_what_serves_and_what_served_before_it_are_kept_though_others_are_newer(host: Machine) -> None:
    """The action that made 0.1.2-dev serve was cut off: pruning finishes it, and so ends with another one."""
    for number in range(2):
        shipped(host, f"0.1.{number}-dev", using=settings(keep=9))
    cut = make("0.1.2-dev", using=settings(keep=9))
    cut.put(host.bucket)
    host.run(host.order("deploy", cut), {"TAGSHIP_KILL_AFTER": "check"})
    releases = host.base / "releases"
    shutil.copytree(releases / "0.1.0-dev", releases / "0.1.9-dev")
    os.utime(releases / "0.1.0-dev", (9e9, 9e9))
    os.utime(releases / "0.1.9-dev", (9e9 + 1, 9e9 + 1))
    answer = host.run(host.order("prune", None, numbers=cut.numbers.replace("KEEP=9", "KEEP=1")))
    assert (answer.outcome, answer.serving) == ("pruned", "0.1.2-dev"), answer.output
    assert answer.kept == ["0.1.1-dev", "0.1.2-dev", "0.1.9-dev"]
    assert host.answers() == "0.1.2-dev"


def test_status_says_what_answers(host: Machine) -> None:
    assert (host.status().code, host.status().outcome) == (0, "empty")
    assert not host.base.exists()
    shipped(host, "0.1.0-dev")
    shipped(host, "0.1.1-dev")
    answer = host.status()
    assert (answer.code, answer.outcome, answer.serving, answer.previous) == (0, "healthy", "0.1.1-dev", "0.1.0-dev")
    os.kill(int(host.record("green")[0]), signal.SIGKILL)
    answer = host.status()
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "")
    assert "0.1.1-dev is recorded as serving" in answer.reason


MEANWHILE = """#!/bin/sh
# curl, and before its answer is read somebody asks for the status.
"$REAL" "$@"; code=$?
[ -n "${MEANWHILE-}" ] || MEANWHILE=yes sh "$TAGSHIP_HOST_ROOT/status.sh" >/dev/null
exit $code
"""


def test_a_status_meanwhile_does_not_disturb_a_deployment(host: Machine) -> None:
    shipped(host, "0.1.0-dev")
    real, stand_in = shutil.which("curl"), host.root / "bin/curl"
    if stand_in.exists():  # the machine has no curl
        real = str(stand_in.rename(host.root / "curl"))
    (host.root / "status.sh").write_text("\n".join(commands(host.order("status", None, fence=0))))
    host.tool("curl", MEANWHILE)
    bundle = make("0.1.1-dev")
    bundle.put(host.bucket)
    answer = host.deploy(bundle, {"REAL": str(real)})
    assert (answer.outcome, answer.health["attempts"]) == ("healthy", 2), answer.output
    assert not list((host.base / "run").glob("answer.*"))


def test_prune_on_a_host_where_nothing_runs(host: Machine) -> None:
    assert host.prune().outcome == "empty"


def test_a_variable_reaches_the_app_exactly(host: Machine) -> None:
    values = {"GREETING": 'it\'s "quoted" $HOME `id` %s \\ ü\nsecond line', "EMPTY": ""}
    shipped(host, "0.1.0-dev", using=settings(variables=values))
    seen = Path(f"/proc/{host.record('blue')[0]}/environ").read_bytes().decode().split("\0")
    environment = dict(line.split("=", 1) for line in seen if line)
    assert environment["GREETING"] == values["GREETING"]
    assert environment["EMPTY"] == ""
    assert (environment["VERSION"], environment["COMMIT_SHA"], environment["BUILD_TIME"]) == (
        "0.1.0-dev",
        COMMIT,
        BUILT,
    )
    assert environment["ENVIRONMENT"] == "dev"
    assert environment["OUTPUT_DIR"] == str(host.base / "output")
    assert not [name for name in environment if name.startswith(("TAGSHIP", "AWS"))]
    assert stat.S_IMODE((host.base / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((host.base / "run/blue.env").stat().st_mode) == 0o600


def test_the_operators_own_variables_come_last_and_are_not_interpreted(host: Machine) -> None:
    host.base.mkdir(parents=True)
    lines = "# mine\nGREETING=own $(touch pwned); x\nexport QUOTED='a b'\nUID=0\nnonsense\nPORT=1"
    (host.base / ".env.local").write_text(lines)
    shipped(host, "0.1.0-dev", using=settings(variables={"GREETING": "theirs"}))
    seen = Path(f"/proc/{host.record('blue')[0]}/environ").read_bytes().decode().split("\0")
    environment = dict(line.split("=", 1) for line in seen if line)
    assert environment["GREETING"] == "own $(touch pwned); x"
    assert environment["QUOTED"] == "a b"
    assert environment["PORT"] == host.record("blue")[2]


def test_the_app_outlives_the_command_and_its_process_group(host: Machine) -> None:
    bundle = make("0.1.0-dev")
    bundle.put(host.bucket)
    process = host.start(host.order("deploy", bundle))
    process.communicate(timeout=60)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    assert host.answers() == "0.1.0-dev"
    assert os.getsid(int(host.record("blue")[0])) == int(host.record("blue")[0])


def test_no_child_inherits_the_lock_or_standard_output(host: Machine) -> None:
    shipped(host, "0.1.0-dev")
    for name in ("blue", "proxy"):
        folder = Path(f"/proc/{host.record(name)[0]}/fd")
        held = {os.readlink(entry) for entry in folder.iterdir()}
        assert str(host.base / "lock") not in held
        assert not [one for one in held if one.startswith("pipe:")]
        assert os.readlink(folder / "0") == "/dev/null"


def test_a_request_in_flight_is_answered_by_the_old_version(host: Machine) -> None:
    shipped(host, "0.1.0-dev", using=settings(drain=5))
    second = make("0.1.1-dev", using=settings(drain=5))
    second.put(host.bucket)
    said: list[str] = []

    def ask() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{host.port}/sleep/2", timeout=10) as answer:
            said.append(answer.read().decode().strip())

    asking = threading.Thread(target=ask)
    asking.start()
    assert host.deploy(second).outcome == "healthy"
    asking.join(10)
    assert said == ["0.1.0-dev"]
    assert host.living() == ["0.1.1-dev"]


def test_every_line_of_the_journal_is_json_with_who_and_what(host: Machine) -> None:
    shipped(host, "0.1.0-dev")
    for line in host.journal():
        assert set(line) == {"at", "deployment", "action", "artifact", "fence", "step", "colour", "port"}
    assert json.dumps(host.journal()[0]["at"]).endswith('Z"')
