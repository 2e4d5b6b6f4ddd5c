"""The same as test_host_refusals, by the thousand: WHOLE=1 tries all of it, CI a tenth.

WHOLE=1 pytest tests/sandbox/test_host_tampering.py -s
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagship.domain import document
from tagship.domain.hosts import Order
from tests.sandbox.bundles import ROOT, Bundle, make
from tests.sandbox.machine import ENTRY, TEMPLATE, Machine, machine

WHOLE = bool(os.environ.get("WHOLE"))
TENTH = 1 if WHOLE else 10
FLIPS = 1000 // TENTH
MADE = 10_000 // TENTH
ROW = 50  # values that one shell is given
ROWS = settings(max_examples=MADE // ROW, deadline=None, suppress_health_check=list(HealthCheck))

# Whatever a shell, a document or a terminal could read something into, beside any text at all.
PIECES = st.sampled_from(
    [
        *("$(touch pwned)", "`touch pwned`", ";touch pwned;", "&&touch pwned", "\nTAGSHIP_ENTRY\ntouch pwned\n"),
        *("'", '"', "\\", "\n", "\r", "{{ app }}", "$HOME", "%s", "../", "/", "-rf", "--", "*", "~", "!", "\x1b[2J"),
        "1.2.3-dev",
    ]
)
ANY = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)
WORD = re.compile(r"[0-9A-Za-z.-]+\Z")
FIELDS = ("action", "app", "environment", "artifact_id", "manifest_sha256", "deployment_id", "bucket", "region")
TEXT = st.lists(st.one_of(PIECES, ANY), max_size=5).map("".join)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("host")) as one:
        good = make("0.1.0-dev")
        good.put(one.bucket)
        assert one.deploy(good).outcome == "healthy"
        yield one


# -- tampering ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["manifest", "signature"])
def test_every_byte_is_guarded(host: Machine, part: str) -> None:
    """Each in turn, with its own hash asked for: it is the signature alone that refuses."""
    good = make("0.1.1-dev")
    places = range(0, len(getattr(good, part)), TENTH)
    all_refused(
        host, (flipped(good, part, place, 0x20) for place in places), "not signed by the key pinned on this host"
    )
    print(f"{len(places)} of {len(getattr(good, part))} bytes of the {part} flipped in turn, each refused")


def test_flips_at_random_places_of_the_bundle(host: Machine) -> None:
    good, chance = make("0.1.1-dev"), random.Random(20261120)
    bad = (
        flipped(good, "archive", chance.randrange(len(good.archive)), 1 << chance.randrange(8)) for _ in range(FLIPS)
    )
    all_refused(host, bad, "was altered (sha256")
    print(f"{FLIPS} random flips of the bundle ({len(good.archive)} bytes), each refused")


def flipped(good: Bundle, part: str, place: int, bits: int) -> Bundle:
    raw = bytearray(getattr(good, part))
    raw[place] ^= bits
    return replace(good, **{part: bytes(raw)})  # type: ignore[arg-type]


def all_refused(host: Machine, bundles: Iterable[Bundle], reason: str) -> None:
    """Each is refused for that reason, and in the end nothing has changed and nothing of them has run."""
    before = (host.state(), host.record("blue"))
    for bundle in bundles:
        bundle.put(host.bucket)
        answer = host.deploy(bundle)
        assert (answer.code, answer.outcome, answer.serving) == (5, "refused", "0.1.0-dev"), answer.output
        assert reason in answer.reason, answer.output
        assert not (host.base / "releases" / bundle.artifact).exists()
    assert (host.state(), host.record("blue"), host.answers()) == (*before, "0.1.0-dev")


# -- shell -------------------------------------------------------------------------------------------------------------


@ROWS
@given(st.lists(TEXT, min_size=ROW, max_size=ROW))
def test_the_fallback_hands_stage_1_exactly_what_it_was_given(texts: list[str]) -> None:
    """AWS-RunShellScript's lines have no patterns: quoting alone stands between the values and the shell."""
    argument = 'printf "%s\\0" "$@"'
    orders = [Order(text, text, text, text, text, text, 1, text, text) for text in texts]
    script = "\n".join("(\n" + "\n".join(document.fallback_commands(order, argument)) + "\n)" for order in orders)
    said = shell(script)
    heard = [
        word for order in orders for name, [word] in document.parameters(order).items() if name != "executionTimeout"
    ]
    assert said == heard


@settings(ROWS, max_examples=MADE // 10)
@given(TEXT.filter(lambda text: not WORD.match(text)), st.sampled_from(FIELDS))
def test_stage_1_refuses_what_is_no_name(host: Machine, text: str, field: str) -> None:
    """One argument is that text, and the others are right. (A plain word is nothing to a shell, and may be a name.)"""
    order = replace(host.order("status", None, fence=0), **{field: text})  # type: ignore[arg-type]
    if not text and field in {"artifact_id", "manifest_sha256", "deployment_id"}:
        return  # those may be left out
    done = subprocess.run(
        ["sh", "-s"],
        input="\n".join(document.fallback_commands(order, ENTRY)).encode(),
        env=host.environment({}),
        cwd=host.root,
        capture_output=True,
        check=False,
    )
    verdict = json.loads(done.stdout.decode().split("\n", 1)[0])
    assert (done.returncode, verdict["outcome"], done.stderr) == (5, "refused", b""), (field, text)
    assert not (host.root / "pwned").exists()


@ROWS
@given(st.lists(TEXT, min_size=ROW, max_size=ROW))
def test_the_document_s_patterns_let_nothing_through_that_a_shell_could_read(texts: list[str]) -> None:
    """The agent puts values in as plain text: what a pattern lets through must be a word of no meaning to a shell."""
    patterns = {name: spec["allowedPattern"] for name, spec in json.loads(TEMPLATE)["parameters"].items()}
    for text in texts:
        for pattern in patterns.values():
            if re.search(pattern, text):
                assert shlex.quote(text) == text


@ROWS
@given(st.lists(TEXT, min_size=ROW, max_size=ROW))
def test_values_reach_an_app_exactly(texts: list[str]) -> None:
    """A secret's or a setting's value, by the host program's own words: rendered to a file, read back by a shell."""
    lines = "\n".join(f"assign V{number} {shlex.quote(text)}" for number, text in enumerate(texts))
    names = " ".join(f'"$V{number}"' for number in range(len(texts)))
    script = f"""
    PROGRAM={ROOT}/deploy
    . "$PROGRAM/host/runtime_process.sh"
    file=$(mktemp)
    {{\n{lines}\n}} >"$file"
    set -a; . "$file"; set +a; rm -f "$file"
    printf '%s\\0' {names}
    """
    assert shell(script) == texts


def shell(script: str) -> list[str]:
    """What bash prints, cut at its NULs; it must say nothing else and leave no file."""
    done = subprocess.run(["bash", "-s"], input=script.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    assert not Path("pwned").exists()
    return done.stdout.decode().split("\0")[:-1]
