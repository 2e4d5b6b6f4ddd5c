"""A small fleet of hosts that really run the app: a canary, one host that fails, and a heal. Asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.errors import Incomplete
from tagship.sandbox import lifecycle
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.status import status
from tests.sandbox import shop
from tests.sandbox.conftest import start
from tests.sandbox.shop import Shop

RULES = {"MAX_CONCURRENCY": "1", "MAX_ERRORS": "34%", "CANARY": "true", "BAKE": "1"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Three hosts, of which one may fail, and 0.1.0 on each."""
    for name, value in RULES.items():
        monkeypatch.setenv(f"TAGSHIP_ENVIRONMENTS_E1_EC2_ROLLOUT_{name}", value)
    root = shop.make(tmp_path / "shop", ["e1"])
    made = Shop(root, start(root, hosts=3), "e1")
    deploy(made.app(), artifact=made.publish("0.1.0"))
    yield made
    lifecycle.down(root)


def test_a_host_that_fails_is_left_behind_named_and_healed_without_touching_the_others(here: Shop) -> None:
    old, new = here.version("0.1.0"), here.publish("0.1.1")
    last = here.hosts[-1]
    python = last.root / "bin/python3"
    works = python.read_text("utf-8")
    python.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    with pytest.raises(Incomplete) as caught:
        deploy(here.app(), artifact=new)
    assert f"serves on 2 of 3 hosts of e1; not on {last.name} ({last.id})" in caught.value.what
    assert here.serving() == [new, new, old]
    [found] = status(here.app(), env="e1")
    assert [one.id for one in found.units if one.drift] == [last.id]
    python.write_text(works, "utf-8")
    before = [(host.root / "opt/hello/journal.jsonl").read_bytes() for host in here.hosts[:-1]]
    assert heal(here.app()).state == "healthy"
    assert here.serving() == [new] * 3
    assert [(host.root / "opt/hello/journal.jsonl").read_bytes() for host in here.hosts[:-1]] == before
