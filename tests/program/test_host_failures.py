"""A version that is not healthy: the one before it keeps serving, and what was seen of the bad one is told."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.breaking import breaking, with_code
from tests.sandbox.bundles import make, settings
from tests.sandbox.machine import Machine, machine, read_only

FAULTS = {  # hello.json -> the reason given
    "crash": "it exited with code 3",
    "deaf": "it does not listen",
    "hang": "it did not answer within 1 s",
    "error": "it answered 500",
    "impostor": "it answered as 0.0.0-impostor, not as 0.1.1-dev",
    "late-crash": "it exited with code 4",
}

SEND = "http.server.BaseHTTPRequestHandler.send_response"
LIMPS = f"""
import http.server, itertools
_answers, _send = itertools.count(1), {SEND}
{SEND} = lambda self, code, message=None: _send(self, code if next(_answers) % 2 else 500, message)
"""
MOVED = f"""
import http.server
_send = {SEND}
def _moved(self, code, message=None):
    _send(self, {{status}}, message)
    self.send_header("Location", "/healthz?moved")
{SEND} = _moved
"""
ON_IPV6 = """
import socket
ThreadingHTTPServer.address_family = socket.AF_INET6
os.environ["HOST"] = "::1"
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        good = make("0.1.0-dev")
        good.put(one.bucket)
        assert one.deploy(good).outcome == "healthy"
        yield one


def test_a_host_on_which_nothing_serves_shows_how_its_first_version_failed(tmp_path: Path) -> None:
    """Whoever asks an instance that just booted tells by that whether its boot has ended."""
    with machine(tmp_path) as fresh:
        bad = make("0.1.0-dev", {"fault": "error"})
        bad.put(fresh.bucket)
        assert fresh.deploy(bad).outcome == "failed"
        answer = fresh.status()
        assert (answer.outcome, answer.reason) == ("empty", "nothing was ever deployed here to its end")
        assert "the last answer: 500" in answer.evidence


@pytest.mark.parametrize("fault", FAULTS)
def test_a_version_that_is_not_healthy_is_never_switched_to(host: Machine, fault: str) -> None:
    """(One that turns bad later has served by then: test_host_watch.)"""
    before = host.record("blue")
    bad = make("0.1.1-dev", {"fault": fault, "healthy": False})
    bad.put(host.bucket)
    with only_answers(host, "0.1.0-dev"):
        answer = host.deploy(bad)
    steps = [line["step"] for line in host.journal() if line["artifact"] == "0.1.1-dev"]
    assert steps[-3:] == ["health", "undo", "end"]
    assert (answer.code, answer.outcome) == (6, "failed"), answer.output
    assert (answer.artifact, answer.serving, answer.previous) == ("0.1.1-dev", "0.1.0-dev", "0.1.0-dev")
    assert answer.reason == FAULTS[fault]
    assert host.record("blue") == before
    assert (host.answers(), host.living()) == ("0.1.0-dev", ["0.1.0-dev"])
    assert host.state()["serving"] == "0.1.0-dev"


@contextmanager
def only_answers(host: Machine, version: str) -> Iterator[None]:
    """That version answers every request while the block runs, asked all the while."""
    heard, over = [host.answers()], threading.Event()

    def ask() -> None:
        while not over.wait(0.02):
            heard.append(host.answers())

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()
    assert (set(heard), len(heard) > 5) == ({version}, True), heard


def test_the_evidence_is_taken_before_cleaning_up(host: Machine) -> None:
    bad = make("0.1.1-dev", {"healthy": False})
    bad.put(host.bucket)
    answer = host.deploy(bad)
    assert "hello 0.1.1-dev listens on port" in answer.evidence
    assert 'its last answer: 500 {"status": "error"' in answer.evidence
    assert "the process: it runs" in answer.evidence
    assert "hello 0.1.1-dev listens on port" in answer.output.split("\n", 1)[1]
    assert answer.health["attempts"] == 3
    assert answer.health["answer"].startswith("500 {")


def test_good_answers_are_counted_in_a_row(host: Machine) -> None:
    """Good, bad, good: one of two. The next one makes two."""
    once = make("0.1.1-dev", more=with_code(breaking("", bad_answer=2)))
    once.put(host.bucket)
    answer = host.deploy(once)
    assert (answer.outcome, answer.health["attempts"]) == ("healthy", 4), answer.output


def test_a_version_that_answers_well_every_other_time_is_not_healthy(host: Machine) -> None:
    limps = make("0.1.1-dev", more=with_code(LIMPS))
    limps.put(host.bucket)
    answer = host.deploy(limps)
    assert (answer.outcome, answer.reason, answer.serving) == ("failed", "it answered 500", "0.1.0-dev")


@pytest.mark.parametrize("status", [301, 304, 308, 399])
def test_only_2xx_is_a_good_answer(host: Machine, status: int) -> None:
    """Whatever its body says, and wherever it leads."""
    moved = make("0.1.1-dev", more=with_code(MOVED.format(status=status)), using=settings(health={"attempts": 1}))
    moved.put(host.bucket)
    answer = host.deploy(moved)
    assert (answer.outcome, answer.serving) == ("failed", "0.1.0-dev"), answer.output
    more = ", a redirect: have health.path name where it leads" if status in (301, 308) else ""
    assert answer.reason == f"it answered {status}{more}"


NAMELESS: dict[str, Any] = {"attempts": 1, "version_key": ""}


@pytest.mark.parametrize(
    ("status", "more", "outcome"),
    [
        (302, {**NAMELESS, "redirects": True}, "healthy"),
        (302, NAMELESS, "failed"),
        (401, {**NAMELESS, "status": ["200-299", "401"]}, "healthy"),
        (404, {**NAMELESS, "status": ["200-299", "401"]}, "failed"),
    ],
)
def test_the_statuses_of_the_settings_are_good(host: Machine, status: int, more: dict[str, Any], outcome: str) -> None:
    """An answer that names no version is good too: the release that was started names it, also when it is asked."""
    nameless = make("0.1.1-dev", more=with_code(MOVED.format(status=status)), using=settings(health=more))
    nameless.put(host.bucket)
    answer = host.deploy(nameless)
    assert (answer.outcome, answer.serving) == (outcome, "0.1.1-dev" if outcome == "healthy" else "0.1.0-dev")
    assert (host.status().outcome, host.status().serving) == ("healthy", answer.serving)


def test_an_app_that_listens_where_nobody_asks_is_told_its_address(host: Machine) -> None:
    """As Node does, told "localhost"."""
    deaf = make("0.1.1-dev", more=with_code(ON_IPV6), using=settings(health={"attempts": 1}))
    deaf.put(host.bucket)
    answer = host.deploy(deaf)
    assert (answer.outcome, answer.serving) == ("failed", "0.1.0-dev"), answer.output
    assert answer.reason == "it listens on [::1], and not where it is asked: have it listen on 127.0.0.1"


def test_the_evidence_of_a_crash_has_its_exit_code_and_last_words(host: Machine) -> None:
    bad = make("0.1.1-dev", more={"examples/hello/hello.json": b"{not json"})
    bad.put(host.bucket)
    boom = make("0.1.2-dev", using=settings(command=["sh", "-c", "echo last words; exit 9"]))
    boom.put(host.bucket)
    answer = host.deploy(boom)
    assert answer.reason == "it exited with code 9"
    assert "the process: it exited with code 9" in answer.evidence
    assert "last words" in answer.evidence


def test_what_an_operator_wrote_into_the_hosts_own_environment_is_masked(host: Machine) -> None:
    values = {"A": "hunter22hunter", "B": "'two words'", "C": '"it is \\"quoted\\""', "D": "short"}
    (host.base / ".env.local").write_text("".join(f"export {name}={value}\n" for name, value in values.items()))
    told = make("0.1.1-dev", using=settings(command=["sh", "-c", 'echo "<$A|$B|$C|$D>"; exit 9']))
    told.put(host.bucket)
    answer = host.deploy(told)
    assert "<***|***|***|short>" in answer.evidence
    assert "hunter22hunter" not in answer.output


def test_a_process_that_died_ends_the_waiting_at_once(host: Machine) -> None:
    patient = settings(health={"attempts": 60, "cap": 60})
    bad = make("0.1.1-dev", {"fault": "crash", "healthy": False}, using=patient)
    bad.put(host.bucket)
    assert host.deploy(bad).seconds < 3


def test_a_command_that_is_not_there(host: Machine) -> None:
    bad = make("0.1.1-dev", using=settings(command=["no-such-program"]))
    bad.put(host.bucket)
    answer = host.deploy(bad)
    assert (answer.outcome, answer.reason) == ("failed", "it exited with code 127")
    assert "no-such-program" in answer.evidence


def test_a_slow_start_is_waited_for_without_losing_attempts(host: Machine) -> None:
    slow = make("0.1.1-dev", {"fault": "slow", "healthy": False, "delay": 2})
    slow.put(host.bucket)
    answer = host.deploy(slow)
    assert (answer.outcome, answer.health["attempts"]) == ("healthy", 2)
    assert answer.durations["health"] < 3


def test_waiting_ends_when_the_port_opens(host: Machine) -> None:
    slow = make("0.1.1-dev", {"fault": "slow", "healthy": False, "delay": 5}, using=settings(health={"cap": 60}))
    slow.put(host.bucket)
    answer = host.deploy(slow)
    assert answer.outcome == "healthy"
    assert answer.durations["health"] < 5.8


def test_a_version_that_fails_after_the_switch_is_rolled_back(host: Machine) -> None:
    bad = make("0.1.1-dev", {"fault": "fades", "healthy": False})
    bad.put(host.bucket)
    answer = host.deploy(bad)
    assert (answer.code, answer.outcome, answer.serving) == (6, "rolled-back", "0.1.0-dev"), answer.output
    assert answer.reason == "through the proxy, it answered 500"
    assert (host.answers(), host.living()) == ("0.1.0-dev", ["0.1.0-dev"])
    assert [line["step"] for line in host.journal()][-2:] == ["undo", "end"]


@pytest.mark.parametrize("fault", ["crash", "error", "fades"])
def test_a_first_deployment_that_fails_leaves_nothing_serving(tmp_path: Path, fault: str) -> None:
    with machine(tmp_path) as host:
        bad = make("0.1.0-dev", {"fault": fault, "healthy": False})
        bad.put(host.bucket)
        answer = host.deploy(bad)
        assert (answer.code, answer.outcome, answer.serving, answer.previous) == (6, "failed", "", "")
        assert (host.answers(), host.living()) == ("", [])
        assert host.status().outcome == "empty"
        good = make("0.1.1-dev")
        good.put(host.bucket)
        assert host.deploy(good).outcome == "healthy"


def test_a_previous_version_that_died_meanwhile_is_started_again(host: Machine) -> None:
    os.kill(int(host.record("blue")[0]), signal.SIGKILL)
    bad = make("0.1.1-dev", {"healthy": False})
    bad.put(host.bucket)
    answer = host.deploy(bad)
    assert (answer.outcome, answer.serving, answer.reason) == ("failed", "0.1.0-dev", "it answered 500")
    assert host.answers() == "0.1.0-dev"


@pytest.mark.parametrize(("recovers", "outcome", "code"), [(True, "failed", 6), (False, "rollback-failed", 7)])
def test_a_previous_version_that_is_unwell_is_left_alone(
    tmp_path: Path, recovers: bool, outcome: str, code: int
) -> None:
    """What hangs for want of its database, say, is not made better by being killed."""
    with machine(tmp_path) as host:
        good = make("0.1.0-dev", using=settings(health={"attempts_after_rollback": 2}))
        bad = make("0.1.1-dev", {"healthy": False}, using=settings(health={"attempts": 1}))
        for bundle in (good, bad):
            bundle.put(host.bucket)
        assert host.deploy(good).outcome == "healthy"
        before = host.record("blue")
        os.kill(int(before[0]), signal.SIGSTOP)
        try:
            wakes = threading.Timer(2.5 if recovers else 60, os.kill, (int(before[0]), signal.SIGCONT))
            wakes.start()
            answer = host.deploy(bad)
        finally:
            wakes.cancel()
            os.kill(int(before[0]), signal.SIGCONT)
        assert (answer.outcome, answer.code) == (outcome, code), answer.output
        assert answer.serving == ("0.1.0-dev" if recovers else "")
        assert recovers or "which runs and was left alone, is not healthy: it did not answer" in answer.reason
        assert (host.record("blue"), host.answers(), host.status().serving) == (before, "0.1.0-dev", "0.1.0-dev")


def test_when_nothing_can_be_made_to_serve_it_says_so(host: Machine) -> None:
    os.kill(int(host.record("blue")[0]), signal.SIGKILL)
    (host.base / "releases/0.1.0-dev/examples/hello/app.py").write_text("raise SystemExit(1)")
    bad = make("0.1.1-dev", {"healthy": False})
    bad.put(host.bucket)
    answer = host.deploy(bad)
    assert (answer.code, answer.outcome, answer.serving) == (7, "rollback-failed", ""), answer.output
    assert answer.reason.startswith("it answered 500; and 0.1.0-dev does not answer")


def test_an_altered_previous_version_is_not_started_again(host: Machine) -> None:
    """Its process is gone, and its kept release would run: but it is not what was signed."""
    os.kill(int(host.record("blue")[0]), signal.SIGKILL)
    app = host.base / "releases/0.1.0-dev/examples/hello/app.py"
    app.write_text(app.read_text() + "# altered\n")
    bad = make("0.1.1-dev", {"healthy": False})
    bad.put(host.bucket)
    answer = host.deploy(bad)
    assert (answer.code, answer.outcome, answer.serving) == (7, "rollback-failed", ""), answer.output
    assert "and 0.1.0-dev does not answer: a file of 0.1.0-dev was altered" in answer.reason
    assert (host.answers(), host.living()) == ("", [])


def test_the_previous_version_is_asked_by_its_own_settings(host: Machine) -> None:
    """A bad version that also moved its health page: the old one is not restarted for not having it."""
    before = host.record("blue")
    bad = make("0.1.1-dev", using=settings(health={"path": "/health", "version_key": "release"}))
    bad.put(host.bucket)
    answer = host.deploy(bad)
    assert (answer.outcome, answer.reason) == ("failed", "it answered 404")
    assert host.record("blue") == before


def test_a_proxy_that_died_is_started_again(host: Machine) -> None:
    os.killpg(int(host.record("proxy")[0]), signal.SIGKILL)
    good = make("0.1.1-dev")
    good.put(host.bucket)
    assert host.deploy(good).outcome == "healthy"
    assert host.answers() == "0.1.1-dev"


def test_a_rollback_that_fails_leaves_what_serves(host: Machine) -> None:
    bad = make("0.0.9-dev", {"fault": "crash", "healthy": False})
    bad.put(host.bucket)
    answer = host.rollback(bad)
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "0.1.0-dev")


def test_a_rollback_has_attempts_of_its_own(host: Machine) -> None:
    using = settings(health={"attempts": 9, "attempts_after_rollback": 1})
    bad = make("0.0.9-dev", {"healthy": False}, using=using)
    bad.put(host.bucket)
    assert host.rollback(bad).health["attempts"] == 1


def test_a_port_that_is_somebody_elses_is_named(tmp_path: Path) -> None:
    with machine(tmp_path) as host, socket.socket() as other:
        other.bind(("127.0.0.1", host.port))
        other.listen()
        good = make("0.1.0-dev")
        good.put(host.bucket)
        answer = host.deploy(good)
        assert (answer.outcome, answer.reason) == ("failed", f"something else listens on port {host.port}")
        assert host.living() == []


def test_a_failed_version_is_the_first_to_be_pruned(host: Machine) -> None:
    for number in range(1, 4):
        bad = make(f"0.1.{number}-dev", {"fault": "crash", "healthy": False}, using=settings(keep=2))
        bad.put(host.bucket)
        host.deploy(bad)
    good = make("0.1.9-dev", using=settings(keep=2))
    good.put(host.bucket)
    assert host.deploy(good).kept == ["0.1.0-dev", "0.1.9-dev"]


def test_any_bytes_in_a_log_or_an_answer_make_a_verdict_that_reads(host: Machine) -> None:
    """Control characters, broken UTF-8, quotes, NULs, and far too much of it."""
    nasty = bytes(range(256)) * 40 + b'\xff\xfe"\\\x1b[2J ok: \xc3\xa9\xe2\x82\xac\n'
    server = (
        "import os,sys,http.server as h\n"
        "class H(h.BaseHTTPRequestHandler):\n"
        "  def do_GET(s):\n"
        "    b=open('nasty','rb').read(); s.send_response(503); s.end_headers(); s.wfile.write(b)\n"
        "sys.stdout.buffer.write(open('nasty','rb').read()); sys.stdout.flush()\n"
        "h.HTTPServer(('127.0.0.1',int(os.environ['PORT'])),H).serve_forever()\n"
    )
    using = settings(command=["python3", "nasty.py"], health={"attempts": 1})
    bad = make("0.1.1-dev", more={"nasty": nasty, "nasty.py": server.encode()}, using=using)
    bad.put(host.bucket)
    answer = host.deploy(bad)
    assert (answer.outcome, answer.reason) == ("failed", "it answered 503")
    assert "ok: é€" in answer.evidence
    assert len(answer.output) <= 20_000
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", answer.output)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a folder read-only")
@pytest.mark.parametrize("place", ["", "releases"])
def test_a_read_only_disk_is_named_and_says_nothing_of_the_artifact(tmp_path: Path, place: str) -> None:
    with machine(tmp_path) as host:
        old, new = make("0.1.0-dev"), make("0.1.1-dev")
        for bundle in (old, new):
            bundle.put(host.bucket)
        assert host.deploy(old).outcome == "healthy"
        with read_only(host.base / place):
            answer = host.deploy(new)
            assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "0.1.0-dev"), answer.output
            assert f"the disk of {host.base / place}" in answer.reason
            assert "is read-only" in answer.reason
            assert "repair it, or replace the host" in answer.reason
            assert host.answers() == "0.1.0-dev"
            assert (host.status().outcome, host.status().serving) == ("healthy", "0.1.0-dev")
        assert host.deploy(new).outcome == "healthy"
