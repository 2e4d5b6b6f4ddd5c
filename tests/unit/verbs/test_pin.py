"""pin: the keys of the settings, and no others, on every unit; and who has not got them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tagship.domain.keys import key_id, pinned
from tagship.domain.units import Report, Unit
from tagship.errors import ServiceFailed, SettingsError, UsageError
from tagship.ports.target import Pins, Tick
from tagship.verbs.pin import pin
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.signing import WordSigner, public
from tests.fakes.target import FakeTarget, machine

OLD, NEW, ORDERS = (key_id(public(word)) for word in ("old", "new", "orders"))


@dataclass
class Hosts(FakeTarget):
    """Hosts that pin what they are handed; `refusing` says why one does not."""

    given: list[tuple[str, list[str]]] = field(default_factory=list)
    refusing: dict[str, str] = field(default_factory=dict)

    def pin(self, pins: Pins, units: Sequence[Unit], tick: Tick) -> list[Report]:
        tick("asking")
        self.given.append((f"{pins.keys}|{' '.join(pins.revoked)}", [unit.name for unit in units]))
        return [
            Report(
                unit.id,
                "refused" if unit.name in self.refusing else "unchanged",
                reason=self.refusing.get(unit.name, ""),
            )
            for unit in units
        ]

    def resign(self, *, dry_run: bool) -> str:
        raise AssertionError(dry_run)


@pytest.fixture
def app() -> FakeApp:
    app = FakeApp(hosts=Hosts([machine("web-1"), machine("web-2")]), orderer=WordSigner("orders"))
    app.signer = app.verifier = WordSigner("new", "old")
    return app


def hosts(app: FakeApp) -> Hosts:
    assert isinstance(app.hosts, Hosts)
    return app.hosts


def test_every_host_gets_the_keys_that_count_todays_first(app: FakeApp) -> None:
    result = pin(app, env="dev")
    keys = pinned([public("new"), public("old")], [public("orders")])
    assert hosts(app).given == [(f"{keys}|", ["web-1", "web-2"])]
    assert (list(result.release), list(result.orders)) == ([NEW, OLD], [ORDERS])
    assert f"releases of dev: {NEW} signs; still counts: {OLD}" in app.screen.lines
    assert "pinned on 2 hosts" in app.screen.lines


def test_a_revoked_key_is_taken_away_and_named(app: FakeApp) -> None:
    signing = {"key": "k", "public_key": "p", "revoked": [OLD]}
    app.settings = settings(signing=signing)
    app.signer = app.verifier = WordSigner("new", "old", revoked=OLD)
    pin(app, env="dev")
    assert hosts(app).given == [(f"{pinned([public('new')], [public('orders')])}|{OLD}", ["web-1", "web-2"])]
    assert f"revoked: {OLD}" in app.screen.lines


def test_a_dry_run_shows_the_keys_and_sends_nothing(app: FakeApp) -> None:
    assert pin(app, env="dev", dry_run=True).units == ()
    assert hosts(app).given == []
    assert "pin them on web-1, web-2; any other key is taken away" in app.screen.lines


def test_a_host_that_refuses_and_one_that_is_away_are_named(app: FakeApp) -> None:
    app.hosts = Hosts([machine("web-1"), machine("web-2"), machine("web-3", online=False)])
    hosts(app).refusing["web-2"] = "this host is of prod, not of dev"
    with pytest.raises(ServiceFailed) as caught:
        pin(app, env="dev")
    assert "not pinned on 2 of 3 hosts" in caught.value.what
    assert "web-2 (this host is of prod, not of dev)" in caught.value.what
    assert "web-3 (" in caught.value.what
    assert hosts(app).given[0][1] == ["web-1", "web-2"]
    assert caught.value.remedy.endswith("inv pin --env dev")


def test_what_has_no_hosts_pins_nothing() -> None:
    with pytest.raises(UsageError, match="no hosts that pin keys"):
        pin(FakeApp(), env="dev")


def test_without_keys_there_is_nothing_to_pin(app: FakeApp) -> None:
    app.settings = settings(signing=None, environments=environments(allow_unsigned=True))
    with pytest.raises(SettingsError, match=r"no \[signing\] table"):
        pin(app, env="dev")
