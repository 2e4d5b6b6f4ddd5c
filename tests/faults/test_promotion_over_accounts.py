"""promote between three accounts of the sandbox, as it is typed, interrupted at its calls over HTTP and run again.

Its process is the real one; what it sends goes wrong as `injection` has it. Each version goes to preprod, and on
to prod, with a fault on each way. test_promotion_interrupted.py has every call, over fakes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.engine.trail import require_as_written
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tests.faults.conftest import WHOLE
from tests.faults.ground import HERE, INJECTION
from tests.journeys.test_accounts import ACCOUNTS, OWN
from tests.journeys.test_promote import ORDER, PROMOTION, TAGSHIP
from tests.sandbox import shop
from tests.sandbox.conftest import client, start
from tests.sandbox.shop import Shop

WAYS = (("dev", "preprod"), ("preprod", "prod"))
KINDS = ("killed before", "killed after", "answer lost", "error before")
CHANGES = ("s3 Put", "s3 Copy", "s3 Create", "s3 Complete", "ssm SendCommand", "kms Sign")
SAMPLE = 2  # versions in a run with the others: each is interrupted on both ways
LEASE = "lease_ttl = 10\n"  # seconds, the least that the settings allow: a dead one's expires


@dataclass
class Accounts:
    """dev, preprod and prod, each in an account of its own."""

    root: Path
    running: Running
    folders: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def typed(self, *words: str, faults: Path | None = None) -> subprocess.CompletedProcess[str]:
        variables = dict(os.environ)
        if faults:
            variables |= {"PYTHONPATH": os.pathsep.join((str(INJECTION), str(HERE))), "TAGSHIP_FAULTS": str(faults)}
        return subprocess.run(
            [TAGSHIP, *words], cwd=self.root, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=180, check=False,
        )  # fmt: skip

    def done(self, *words: str) -> str:
        ended = self.typed(*words)
        assert ended.returncode == 0, f"{words}: {ended.stdout}{ended.stderr}"
        return ended.stdout + ended.stderr

    def shipped(self) -> str:
        """A new version, which dev runs, and where it passed its tests."""
        version = Shop(self.root, self.running, "dev").publish(f"0.1.{next(self.numbers)}")
        self.done("deploy", "--version", version)
        self.done("tested", "--env", "dev")
        return version

    def promote(
        self, way: tuple[str, str], version: str, fault: dict[str, str] | None = None
    ) -> tuple[subprocess.CompletedProcess[str], list[str], bool]:
        """Promote with a fault; how it ended, its calls, and whether the fault was met."""
        folder = self.folders / f"{next(self.numbers)}-{version}"
        folder.mkdir(parents=True)
        if fault:
            (folder / "fault.json").write_text(json.dumps(fault))
        ended = self.typed(*_command(way, version), faults=folder)
        calls = list(dict.fromkeys((folder / "calls").read_text().splitlines()))
        return ended, calls, (folder / "fired").exists()

    def bundle(self, environment: str, version: str) -> str:
        """The SHA-256 of what an account's own bucket has."""
        s3 = client(self.running, "s3", account=ACCOUNTS[environment])
        body = s3.get_object(Bucket=f"hello-{environment}", Key=f"hello/{environment}/{version}/{layout.BUNDLE}")[
            "Body"
        ]
        return hashlib.sha256(body.read()).hexdigest()


def _command(way: tuple[str, str], version: str) -> Sequence[str]:
    source, to = way
    return ("promote", "--from", source, "--to", to, "--version", version, "--yes", "--wait", "60s")


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    more = {name: LEASE + OWN.format(name=name, account=account) for name, account in ACCOUNTS.items()}
    folder = tmp_path_factory.mktemp("accounts")
    root = shop.make(folder / "shop", list(ORDER), more, head=shop.HEAD_WITH_KEYS + PROMOTION)
    yield Accounts(root, start(root), folder / "faults")
    lifecycle.down(root)


@pytest.fixture(scope="module")
def calls(accounts: Accounts) -> dict[tuple[str, str], list[str]]:
    """What a promotion calls on each way if nothing goes wrong, of that which changes something."""
    version, found = accounts.shipped(), {}
    for way in WAYS:
        ended, made, _ = accounts.promote(way, version)
        assert ended.returncode == 0, ended.stderr
        accounts.done("tested", "--env", way[1])
        found[way] = [call for call in made if call.startswith(CHANGES) and "(heartbeat)" not in call]
    return found


def _cases(made: list[str]) -> list[tuple[str, str]]:
    """Each call with each kind; in a run with the others, as many as there are versions, spread over the whole."""
    every = [(call, kind) for call in made for kind in KINDS]
    if WHOLE:
        return every
    return [(made[(2 * n + 1) * len(made) // (2 * SAMPLE)], KINDS[n % len(KINDS)]) for n in range(SAMPLE)]


def test_it_signs_copies_and_deploys_in_the_account_that_it_goes_to(calls: dict[tuple[str, str], list[str]]) -> None:
    for made in calls.values():
        assert len(made) > 8
        assert {call.split()[0] for call in made} >= {"s3", "kms", "ssm"}


def test_interrupted_on_both_ways_and_run_again_the_same_bytes_run_in_three_accounts(
    accounts: Accounts, calls: dict[tuple[str, str], list[str]]
) -> None:
    cases = {way: _cases(made) for way, made in calls.items()}
    for first, second in zip(*cases.values(), strict=False):
        version = accounts.shipped()
        for way, (call, kind) in zip(WAYS, (first, second), strict=True):
            ended, _, met = accounts.promote(way, version, {"call": call, "kind": kind})
            told = f"{kind} at {call}: {ended.returncode} {ended.stdout[-500:]}{ended.stderr[-1500:]}"
            assert met, f"it was not made this time: {told}"
            assert "Traceback" not in ended.stderr, told
            assert ended.returncode in ({0, -9} if kind.startswith("killed") else {0, 6, 7, 8}), told
            again = accounts.typed(*_command(way, version))
            assert again.returncode == 0, f"{told}\nthen: {again.stdout}{again.stderr}"
            accounts.done("tested", "--env", way[1])
        _same_everywhere(accounts, version)


def _same_everywhere(accounts: Accounts, version: str) -> None:
    """Byte for byte, running, healthy by each account's own record, which is whole; and nobody holds anything."""
    assert len({accounts.bundle(name, version) for name in ORDER}) == 1
    app = bootstrap.app(accounts.root)
    for name in ORDER:
        assert Shop(accounts.root, accounts.running, name).serving() == [version]
        last = app.ledger.deployments(name)[-1]
        assert (last.artifact_id, last.state) == (version, "healthy")
        require_as_written(app, name)
        held = app.leases.look(name)
        assert held is None or not held.record.holder
