"""A hundred promotions over three environments: what the screens say of them in 80 columns, and how much they ask.

The ledger is the stored one, over a bucket in memory that counts what it is asked. What that does not notice: how long
S3 takes for each, and that it lists a thousand keys a request.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.bucket.ledger import StoredLedger
from tagship.adapters.terminal import TerminalScreen
from tagship.domain import layout
from tagship.domain.deployment import Entry, new_id
from tagship.domain.segment import SIZE
from tagship.verbs.history import history
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.status import status
from tagship.verbs.why_not import why_not
from tests.fakes.store import MemoryStore
from tests.unit.verbs.test_promote import ORDER, ThreeEnvironments, an_app

BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)
WHO = "run 17951931757 (grace-hopper)"
LATEST = "1.99.0"


class CountedStore(MemoryStore):
    """Counts what it is asked for."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.asked: Counter[str] = Counter()

    def get(self, key: str) -> object:  # type: ignore[override]
        self.asked["get"] += 1
        return super().get(key)

    def list(self, prefix: str, after: str = "") -> object:  # type: ignore[override]
        self.asked["list"] += 1
        return super().list(prefix, after)


def promoted(tmp_path: Path, count: int) -> ThreeEnvironments:
    """An app whose ledger has so many versions, each of which went through all three environments.

    Each reached preprod and was tested there; prod has all but the last one.
    """
    app = an_app(tmp_path)
    app.store = CountedStore("hello-artifacts", app.clock)
    app.store.objects |= _filled(count)
    app.ledger = StoredLedger(app.store, "hello")  # type: ignore[assignment]
    return app


@cache
def _filled(count: int) -> dict[str, Any]:
    """What such a bucket has: it is filled once, and each test has a copy."""
    store = MemoryStore()
    ledger = StoredLedger(store, "hello")
    for number in range(count):
        for place, environment in enumerate(ORDER):
            if environment == "prod" and number == count - 1:
                continue
            at = BEGAN + timedelta(days=number, minutes=20 * place)
            _deployed(ledger, environment, f"1.{number}.0", at, fence=number + 1)
            ledger.deployments(environment, 1)  # as each deployment does, before it looks after the index
            ledger.index(environment)
    return store.objects


def _deployed(ledger: StoredLedger, environment: str, version: str, at: datetime, fence: int) -> None:
    id_ = new_id(at)
    for number, state in enumerate(("requested", "started", "healthy"), 1):
        when = (at + timedelta(seconds=4 * number)).isoformat()
        ledger.append(
            Entry(id_, number, state, when, "hello", environment, "deploy", version, WHO, "", fence=fence, details={})
        )
    if environment != "prod":
        at += timedelta(minutes=5)
        ledger.append(Entry(new_id(at), 1, "tested", at.isoformat(), "hello", environment, "test", version, WHO, ""))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(app: ThreeEnvironments, look: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a terminal of 80 columns shows."""
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    app.screen = TerminalScreen(stdout=terminal)  # type: ignore[assignment]
    look()
    lines = [re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line).rstrip() for line in terminal.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80, lines
    return lines


def test_history_has_the_latest_of_every_environment_in_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = promoted(tmp_path, 100)
    lines = shown(app, lambda: history(app, limit=5), monkeypatch)
    assert len([line for line in lines if line.startswith("WHEN (UTC)")]) == 1
    told = [" ".join(line.split()) for line in lines if " deploy 1." in line]
    assert told == [
        "2026-04-14 09:20 healthy 8.0 s grace-hopper, CI deploy 1.99.0 on preprod",
        "2026-04-14 09:00 healthy 8.0 s grace-hopper, CI deploy 1.99.0 on dev",
        "2026-04-13 09:40 healthy 8.0 s grace-hopper, CI deploy 1.98.0 on prod",
        "2026-04-13 09:20 healthy 8.0 s grace-hopper, CI deploy 1.98.0 on preprod",
        "2026-04-13 09:00 healthy 8.0 s grace-hopper, CI deploy 1.98.0 on dev",
    ]


def test_one_command_answers_where_a_version_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = promoted(tmp_path, 100)
    mark_bad(app, version="1.4.0", env="prod", reason="it leaks")
    lines = shown(app, lambda: status(app, version="1.4.0"), monkeypatch)
    assert [" ".join(line.split()) for line in lines if line and not line.startswith(("─", "looking"))] == [
        "ENVIRONMENT 1.4.0 SINCE (UTC) RUNS BY",
        "dev replaced, tested 2026-01-09 09:00 1.99.0 grace-hopper, CI",
        "preprod replaced, tested 2026-01-09 09:20 1.99.0 grace-hopper, CI",
        "prod replaced, bad 2026-01-09 09:40 1.98.0 grace-hopper, CI",
    ]


def test_status_names_what_each_environment_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = promoted(tmp_path, 100)
    text = "\n".join(shown(app, lambda: status(app), monkeypatch))
    for environment, version in zip(ORDER, (LATEST, LATEST, "1.98.0"), strict=True):
        assert re.search(rf"^{environment}: {re.escape(version)}, healthy since .*, by grace-hopper, CI$", text, re.M)


def test_why_not_has_every_environment_in_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = promoted(tmp_path, 100)
    lines = shown(app, lambda: why_not(app, env="all", version="1.4.0"), monkeypatch)
    assert len([line for line in lines if line.startswith("ENVIRONMENT")]) == 1
    text = " ".join(" ".join(lines).split())
    for environment, version in {"dev": LATEST, "preprod": LATEST, "prod": "1.98.0"}.items():
        assert f"{environment} blocked order 1.4.0 is older than {version}, which {environment} runs." in text
        assert f"To go back: inv rollback --to 1.4.0 --env {environment}" in text


LOOKS: dict[str, Callable[[ThreeEnvironments], object]] = {
    "history": history,
    "where a version is": lambda app: status(app, version="1.4.0"),
    "status": status,
    "why-not": lambda app: why_not(app, env="all", version="1.4.0"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_asked_grows_with_the_pages_of_the_ledger_and_not_with_what_is_in_them(
    look: str, tmp_path: Path
) -> None:
    few, many = (promoted(tmp_path / str(count), count) for count in (SIZE * 2, SIZE * 4))
    for app in (few, many):
        LOOKS[look](app)
    counted = [app.store for app in (few, many) if isinstance(app.store, CountedStore)]
    assert len(counted) == 2
    assert set(counted[0].asked) <= {"get", "list"}
    pages = segments(many) - segments(few)
    assert 0 < pages <= 2 * 2 * len(ORDER), "what was tested is in them as well"
    assert counted[1].asked["list"] == counted[0].asked["list"]
    assert counted[1].asked["get"] - counted[0].asked["get"] <= pages, (counted[0].asked, counted[1].asked)


def segments(app: ThreeEnvironments) -> int:
    return len([key for name in ORDER for key in app.store.objects if key.startswith(layout.index("hello", name))])
