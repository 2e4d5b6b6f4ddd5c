"""A service that somebody else changes between two looks: what was read before is not what is so."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.adapters.targets.ecs.calls import EcsCalls
from tests.contract.services import Services, switch


def test_a_change_after_the_service_was_read_is_not_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own deployment has ended by then, stopped by theirs, and the service as it was read still runs ours."""
    place = Services.made(["api"], url=False)
    assert place.deploy("0.1.0-dev")["api"].good
    change, target = place.change(place.publish("0.1.1-dev")), place.connect()
    units = target.units()
    switch(step=0.5)  # it is under way at the first look
    started = target.start(change, units)
    read, looks = EcsCalls.services, list[str]()

    def overtaken_then(calls: EcsCalls, names: Any) -> Any:
        facts = read(calls, names)
        if not looks:
            [family] = {service.revision.partition(":")[0] for service in facts.values()}
            place.client.update_service(cluster=place.cluster, service="api", taskDefinition=f"{family}:1")
            looks.append(family)
        return facts

    monkeypatch.setattr(EcsCalls, "services", overtaken_then)
    try:
        [report] = target.finish(started, change, units, lambda _: None)
    finally:
        switch(step=0)
    assert looks
    assert report.outcome == "superseded", report
    [service] = place.client.describe_services(cluster=place.cluster, services=["api"])["services"]
    assert service["taskDefinition"].endswith(f"{looks[0]}:1")
