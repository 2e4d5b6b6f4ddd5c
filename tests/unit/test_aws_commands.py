"""The AWS CLI's commands in messages: each names a service, an operation and options that AWS has."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import aws_commands
from tagship.domain.aws_commands import Where
from tests.unit.house.aws_cli import problems, spelled

TOP = Path(__file__).parents[2]
SAMPLES: dict[str, Any] = {
    "Mapping[str, str]": {"commit-sha": "ab c", "branch": "dev"},
    "Sequence[str]": ["one", "two words"],
    "str": "a 'name'",
    "Where": Where("eu-central-1", "the team"),
}
OF_NO_PLACE = {"sign_in", "profiles"}  # a profile's, which it names by itself, and this machine's
COMMANDS: dict[str, Callable[..., str]] = {
    name: act
    for name, act in inspect.getmembers(aws_commands, inspect.isfunction)
    if act.__module__ == aws_commands.__name__ and not name.startswith("_")
}
# What a host's own programs type or name, which no one module spells: these are in shell.
OUTSIDE = [*sorted((TOP / "deploy").rglob("*.sh")), *sorted((TOP / "tagship/sandbox/hosts/hostbin").glob("*.py"))]


def sampled(act: Callable[..., str], **own: Any) -> str:
    samples = {**SAMPLES, **own}
    return act(*(samples[parameter.annotation] for parameter in inspect.signature(act).parameters.values()))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_a_message_advises_is_one_of_aws(name: str) -> None:
    command = sampled(COMMANDS[name])
    assert command.startswith("aws ")
    assert problems(command) == []
    words, given = shlex.split(command), inspect.signature(COMMANDS[name]).parameters.values()
    texts = [parameter.annotation for parameter in given if parameter.annotation not in {"Mapping[str, str]", "Where"}]
    for sample in map(SAMPLES.__getitem__, texts):
        for value in [sample] if isinstance(sample, str) else sample:
            assert any(value in word for word in words), f"{value} is one word for a shell"


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - OF_NO_PLACE))
def test_each_of_its_steps_names_the_region_and_the_profile_that_reaches_the_account(name: str) -> None:
    for step in re.split(r" && |; ", sampled(COMMANDS[name])):
        words = shlex.split(step)
        assert words[words.index("--region") + 1] == "eu-central-1", step
        assert words[words.index("--profile") + 1] == "the team", step
    assert "--profile" not in sampled(COMMANDS[name], Where=Where("eu-central-1")), "the settings name none"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("aws ec3 describe-images", "there is no service ec3"),
        ("aws ecs stop-deployment --x y", "ecs has no operation stop-deployment"),
        ("aws ecs list-tasks --service api", "ecs list-tasks has no option --service"),
        ("aws lambda get-alias --name live", "lambda get-alias needs --function-name"),
        ("aws s3 rm s3://b/k --force", "s3 rm has no option --force"),
        ("true && aws kms enable-keys --key-id x", "kms has no operation enable-keys"),
        ("aws cloudformation wait stack-gone --stack-name x", "cloudformation has no waiter stack-gone"),
    ],
)
def test_what_aws_does_not_have_is_found(command: str, problem: str) -> None:
    assert problems(command) == [problem]


def test_no_other_module_spells_one() -> None:
    """One that is spelled elsewhere is checked by nobody."""
    exempt = [TOP / "tagship/domain/aws_commands.py", TOP / "tagship/scaffold/look.py", *OUTSIDE]  # look.py reads them
    others = [path for path in sorted((TOP / "tagship").rglob("*.py")) if path not in exempt]
    assert {str(path.relative_to(TOP)): found for path in others if (found := spelled(path))} == {}


def test_what_scripts_of_hosts_name_exists() -> None:
    named = {found for path in OUTSIDE for found in spelled(path)}
    assert "aws s3 cp" in named
    wrong = [problem for command in sorted(named) for problem in problems(command) if " needs --" not in problem]
    assert wrong == []
