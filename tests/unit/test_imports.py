"""The house's laws hold: imports point one way, each kind and each library stays in its room, commands have one place.

    errors < domain < settings < ports < engine < {release, account, scaffold} < verbs
    adapters and sandbox stand beside; bootstrap and tasks on top

Proved over syntax trees (tests/unit/house), so that an import in a function's body counts too. Beside each law stands
a small house that breaks it: a law that finds nothing there proves nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.tasks import ns
from tests.unit.house import laws, quick
from tests.unit.house.source import TOP, House, house

HOUSE = House(TOP)
Law = Callable[[House], list[str]]


def no_cycle_in_the_engine(house: House) -> list[str]:
    return laws.import_cycles(house, "engine")


# law -> a house that breaks it
BREACHES: dict[Law, dict[str, str]] = {
    laws.strange_layers: {"workflows/deploy.py": ""},
    laws.upward_imports: {"engine/run.py": "def f():\n    from tagship.verbs.deploy import deploy\n"},
    laws.verbs_that_import_verbs: {"verbs/heal.py": "from tagship.verbs.deploy import deploy\n"},
    laws.strange_libraries: {"engine/run.py": "import boto3\n"},
    laws.shared_libraries: {"adapters/git/run.py": "import git\n", "adapters/forge.py": "import git\n"},
    laws.early_imports: {"adapters/aws/s3.py": "import boto3\n"},
    laws.io_in_the_domain: {"domain/lease.py": "import datetime\n\nAT = datetime.datetime.now()\n"},
    laws.environment_readers: {"engine/scope.py": "import os\n\nTAG = os.environ['GITHUB_REF_NAME']\n"},
    laws.aws_words: {"engine/run.py": "NOUN = 'SSM command'\n"},
    laws.leaking_kinds: {"engine/run.py": "from tagship.domain.ec2.order import Order\n"},
    laws.spelled_commands: {"verbs/tag.py": 'REMEDY = "Ship it: inv deploy-dev"\n'},
    laws.words_after_commands: {
        "verbs/tag.py": 'def remedy(env):\n    return f"End it: {commands.resume(env)} (or wait)"\n'
    },
    laws.same_names: {"domain/plan.py": "class Plan: ...\n", "release/plan.py": "class Plan: ...\n"},
    laws.possessive_patterns: {"domain/plan.py": 'import re\n\nINSIDE = re.compile(r"(?:[^}]|x)*+")\n'},
    laws.process_ends: {"engine/run.py": "import sys\n\nsys.exit(1)\n"},
    quick.early_domain: {"settings/ecs.py": "from tagship.domain.bundle import variables_file\n"},
    quick.defaults_that_validate: {"settings/model.py": "git: Git = Field(default_factory=Git)\n"},
    quick.annotations_as_text: {
        "settings/tables.py": "from __future__ import annotations\n\n\nclass Git(Section):\n    remote: str\n"
    },
    no_cycle_in_the_engine: {
        "engine/run.py": "from tagship.engine.plan import plan\n",
        "engine/plan.py": "from tagship.engine import run\n",
    },
}


@pytest.mark.parametrize("law", BREACHES, ids=lambda law: law.__name__)
def test_the_house_keeps_the_law(law: Law) -> None:
    assert not law(HOUSE)


@pytest.mark.parametrize("law", BREACHES, ids=lambda law: law.__name__)
def test_a_planted_breach_is_found(law: Law, tmp_path: Path) -> None:
    assert law(house(tmp_path, BREACHES[law]))


def test_a_file_of_verbs_has_one_public_function_and_a_task() -> None:
    assert not laws.verbs_that_are_no_verb(HOUSE, ns.task_names)


def test_a_verb_without_a_task_and_one_with_two_functions_are_found(tmp_path: Path) -> None:
    small = house(tmp_path, {"verbs/heal.py": "def heal(): ...\ndef planned(): ...\n", "verbs/helper.py": ""})
    assert laws.verbs_that_are_no_verb(small, ["heal"]) == [
        "helper: a file or a task alone",
        "heal: ['heal', 'planned']",
    ]


# -- how messages are written ------------------------------------------------------------------------------------------

PLAIN = tuple(sorted(set(laws.BELOW) - {"sandbox"}))  # the sandbox says what AWS and GitHub say


@pytest.mark.parametrize("layer", PLAIN)
def test_messages_are_plain_english(layer: str) -> None:
    assert not laws.banned_turns(HOUSE, layer)


@pytest.mark.parametrize(
    "turn",
    [
        "'soon' is no time to wait.",
        "To do it all the same: --yes",
        "It is not heard of any more",
        "You are told of it",
        "It serves, by its word",
        "The remedy thereof",
        "It changed at this very moment.",
    ],
)
def test_a_banned_turn_is_found(turn: str, tmp_path: Path) -> None:
    planted = house(tmp_path, {"verbs/heal.py": f"def heal():\n    raise Refused({turn!r})\n"})
    assert laws.banned_turns(planted)


@pytest.mark.parametrize("text", ["There is no environment x.", "It is no longer frozen.", "told", "retold"])
def test_plain_english_and_names_are_no_banned_turns(text: str, tmp_path: Path) -> None:
    assert not laws.banned_turns(house(tmp_path, {"verbs/heal.py": f"def heal():\n    return {text!r}\n"}))


def test_types_are_held_to_the_law_too(tmp_path: Path) -> None:
    typed = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from tagship.tasks import ns\n"
    assert laws.upward_imports(house(tmp_path, {"engine/run.py": typed}))
