"""Units of earlier deployments that are not there now."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tagship.domain.absent import Gone, gone_sentence, gone_units
from tagship.domain.deployment import Deployment, Entry
from tagship.domain.units import Unit

WEB_1 = Unit("i-1", "web-1", online=True, noun="host")
BOTH = {"i-1": "web-1", "i-2": "web-2"}


def deployment(number: int, names: dict[str, str], state: str = "healthy") -> Deployment:
    units = [{"unit": unit, "outcome": "healthy", "serving": "0.1.1-dev"} for unit in names]
    at, id_ = "2026-11-20T12:00:00+00:00", f"20261120-120000-{number:06}-abcdef"
    details = {"units": units, "names": names}
    return Deployment([Entry(id_, 1, state, at, "hello", "dev", "deploy", "0.1.1-dev", "ada", "", details=details)])


def test_a_unit_that_is_not_there_now_is_gone_and_one_that_cannot_be_reached_is_not() -> None:
    history = [deployment(1, BOTH)]
    assert gone_units(history, [WEB_1]) == (Gone("i-2", "web-2"),)
    assert gone_units(history, [WEB_1, Unit("i-2", "web-2", online=False)]) == ()


def test_only_the_last_ended_deployment_that_units_answered_counts() -> None:
    assert gone_units([deployment(1, BOTH), deployment(2, {"i-1": "web-1"})], [WEB_1]) == ()
    later = [deployment(2, {}, "abandoned"), deployment(3, {"i-9": "web-9"}, "started")]
    assert gone_units([deployment(1, BOTH), *later], [WEB_1]) == (Gone("i-2", "web-2"),)
    assert gone_units([], [WEB_1]) == ()


def test_who_was_gone_already_is_carried_forward_until_it_is_back() -> None:
    second = deployment(2, {"i-1": "web-1"})
    carrying = Deployment([replace(second.first, details={**second.first.details, "absent": {"i-2": "web-2"}})])
    assert gone_units([deployment(1, BOTH), carrying], [WEB_1]) == (Gone("i-2", "web-2"),)
    assert gone_units([carrying], [WEB_1, Unit("i-2", "web-2", online=True)]) == ()


def test_who_left_during_the_deployment_is_gone_though_it_has_no_report() -> None:
    last = deployment(1, {"i-1": "web-1"})
    left = Deployment([replace(last.first, details={**last.first.details, "names": BOTH})])
    assert gone_units([left], [WEB_1]) == (Gone("i-2", "web-2"),)


def test_an_entry_without_names_has_the_ids() -> None:
    old = deployment(1, BOTH).first
    bare = Deployment([replace(old, details={"units": old.details["units"]})])
    assert gone_units([bare], [WEB_1]) == (Gone("i-2", ""),)
    assert gone_sentence([Gone("i-2", "")], "host", "dev").startswith("i-2 was in an earlier deployment")


def test_one_is_named_with_what_to_do_and_of_many_only_a_few_are() -> None:
    assert gone_sentence([Gone("i-2", "web-2")], "host", "dev") == (
        "web-2 (i-2) was in an earlier deployment and is not among the hosts of dev now (stopped or untagged; "
        "once terminated, it is forgotten); if it returns, bring it: inv heal --env dev"
    )
    many = gone_sentence([Gone(f"s-{number}", "") for number in range(9)], "service", "dev")
    assert many == (
        "s-0, s-1 and 7 more were in an earlier deployment and are not among the services of dev now; if one returns, "
        "bring it: inv heal --env dev"
    )


@pytest.mark.parametrize("key", ["names", "absent"])
@pytest.mark.parametrize("names", [{"i-1": 5}, ["web-1"], "web-1"])
def test_an_entry_whose_names_are_no_names_is_unreadable(key: str, names: object) -> None:
    entry = deployment(1, BOTH).first
    assert Entry.from_json(entry.to_json()) == entry
    value = json.loads(entry.to_json())
    value["details"][key] = names
    assert Entry.from_json(json.dumps(value).encode()) is None
