"""Whatever an app makes has an entry in the journey that looks whether it acts on the sandbox alone."""

from __future__ import annotations

from tests.journeys.test_sealed import PARTS, made


def test_every_adapter_has_an_entry() -> None:
    assert sorted(PARTS) == sorted(made())
