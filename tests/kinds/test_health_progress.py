"""A version that answers badly through the sandbox: what is shown meanwhile, and that it is given up after a minute.

Clocks hurry: their waits are counted and take no time. Of hosts: tests/program/test_host_settled.py.
"""

from __future__ import annotations

import time

import pytest

from tests.contract.functions import Functions
from tests.contract.place import HEALTH
from tests.contract.services import Services
from tests.kinds.test_gradual_functions import Hurried

OLD, BAD = "0.1.0-dev", "0.1.1-dev"
TRIES = {"attempts": 15, "cap": 60}


def test_of_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in TRIES.items():
        monkeypatch.setitem(HEALTH, key, value)
    place, ticks = Services.made(["api"]), list[str]()
    place.deploy(OLD)
    report = place.deploy(BAD, "error", ticks)["api"]
    assert (report.outcome, report.serving) == ("rolled-back", OLD)
    assert report.reason == "it answered 500 (7 times in a row)"
    shown = [tick for tick in dict.fromkeys(ticks) if "attempt" in tick]
    assert shown[0] == "api: asking http://api, attempt 1 of 15: it answered 500; up to 543 s more"
    assert shown[-1] == "api: asking http://api, attempt 6 of 15: it answered 500; up to 512 s more"
    place.remove()


def test_of_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in TRIES.items():
        monkeypatch.setitem(HEALTH, key, value)
    place, ticks = Functions.made(["one"]), list[str]()
    place.deploy(OLD)
    place.app.clock = Hurried(during=lambda: time.sleep(0.005))  # type: ignore[assignment] # a tick is due meanwhile
    change, target = place.change(place.publish(BAD, "error")), place.connect()
    units = target.units()
    [report] = target.finish(target.start(change, units), change, units, ticks.append)
    assert (report.outcome, report.serving) == ("failed", OLD)
    assert report.reason.endswith("(7 times in a row)")
    assert any(f"{units[0].name}: attempt " in tick and " s more" in tick for tick in ticks), ticks
    place.remove()
