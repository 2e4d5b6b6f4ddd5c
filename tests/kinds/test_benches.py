"""The benches that take minutes run at all: each with little to do, for they are asked for once in a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench import cleanup, ledger


def test_the_ledgers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "DEPLOYMENTS", 40)
    assert [figure.met for figure in ledger.ledger(Path())] == [True, True]


def test_the_cleanups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "ARTIFACTS", 300)
    monkeypatch.setattr(cleanup, "SINGLE", 2)
    faster, requests, memory = cleanup.cleanup(Path())
    assert memory.met, memory
    assert int(requests.result) <= 7, "two lists, a batch of manifests, two of the rest; so few are not to be rounded"
    assert faster.result.endswith(" x faster")
