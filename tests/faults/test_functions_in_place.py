"""Functions without an alias under the same faults: what is reported is so, whatever befalls one call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.functions import PATIENT, Functions
from tests.faults import test_functions as aliased
from tests.faults.once import FAULTS
from tests.faults.test_functions import OLD, told_truly

DEPLOYED = {
    "GetFunctionConfiguration": (1, 6),
    "GetFunction": (1, 2),
    "UpdateFunctionCode": (1,),
    "UpdateFunctionConfiguration": (1, 2),
    "PublishVersion": (1,),
    "Invoke": (1,),
}
CALLS = [(name, number) for name, numbers in DEPLOYED.items() for number in numbers]
_at_once = aliased._at_once


@pytest.fixture(scope="module")
def place() -> Iterator[Functions]:
    made = Functions.made(["one", "two"], alias="", health=PATIENT)
    made.publish(OLD)
    yield made
    made.remove()


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("call", "number"), CALLS)
def test_whatever_befalls_one_call_the_reports_are_true_and_the_functions_agree(
    place: Functions, call: str, number: int, kind: str
) -> None:
    told_truly(place, call, number, kind)
