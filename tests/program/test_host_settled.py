"""How soon a host gives a version up: one that gives the same bad answer, and one that is only slow."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bundles import make, settings
from tests.sandbox.machine import Machine, machine

SLOW = """
import http.server, json, os, time
began = time.monotonic()
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() - began > 4 else 503)
        self.end_headers()
        self.wfile.write(json.dumps({"version": os.environ["VERSION"]}).encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Slow).serve_forever()
"""
HEALTH = {"attempts": 9, "settled": 3, "cap": 1, "timeout": 1}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        yield one


def test_the_same_bad_answer_three_times_in_a_row_is_final(host: Machine) -> None:
    bundle = make("0.1.0-dev", {"fault": "error"}, using=settings(health=HEALTH))
    bundle.put(host.bucket)
    answer = host.deploy(bundle)
    assert (answer.outcome, answer.health["attempts"]) == ("failed", 3), answer.output
    assert answer.reason == "it answered 500 (3 times in a row)"


def test_without_it_all_attempts_are_made(host: Machine) -> None:
    bundle = make("0.1.0-dev", {"fault": "error"}, using=settings(health={**HEALTH, "attempts": 5, "settled": 0}))
    bundle.put(host.bucket)
    answer = host.deploy(bundle)
    assert (answer.outcome, answer.health["attempts"]) == ("failed", 5), answer.output


def test_an_app_that_says_it_is_not_ready_yet_has_all_attempts(host: Machine) -> None:
    code = SLOW.encode()
    chosen = settings(health=HEALTH, command=["python3", "slow.py"])
    bundle = make("0.1.0-dev", using=chosen, more={"slow.py": code})
    bundle.put(host.bucket)
    answer = host.deploy(bundle)
    assert answer.outcome == "healthy", answer.output
    assert answer.health["attempts"] > 3


def test_a_host_says_at_which_attempt_it_is_while_it_asks(host: Machine) -> None:
    first = make("0.1.0-dev", using=settings(health=HEALTH))
    first.put(host.bucket)
    assert host.deploy(first).outcome == "healthy"
    assert "facts" not in host.status().verdict
    bad = make("0.1.1-dev", {"fault": "error"}, using=settings(health={**HEALTH, "settled": 0, "attempts": 6}))
    bad.put(host.bucket)
    process = host.start(host.order("deploy", bad))
    words = ""
    deadline = time.monotonic() + 60
    while not words and process.poll() is None and time.monotonic() < deadline:
        words = host.status().verdict.get("facts", {}).get("asking", "")
    process.communicate(timeout=60)
    assert re.fullmatch(r"attempt [1-5] of 6: it answered 500; up to \d+ s more", words)
    assert "facts" not in host.status().verdict
    assert not (host.base / "run/asking").exists()
