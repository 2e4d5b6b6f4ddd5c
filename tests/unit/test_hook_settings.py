"""[hooks.<place>]: what a hook may say, and which of an environment's and the general one counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.errors import SettingsError
from tagship.settings import load
from tests.fakes.app import environments, settings
from tests.unit.settings_text import APP, Text

problems = Text(APP + '[environments.dev]\nec2.command = ["python3", "app.py"]\nec2.tags = { Name = "hello" }\n').errors


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[hooks.tests]\nattempts = 2", "hooks.tests: runs nothing: give its command, or the function that is invoked"),
        (
            '[hooks.tests]\ncommand = ["a"]\nfunction = "b"',
            "hooks.tests.function: and command are both given, and a hook runs one: take one of them out",
        ),
        ('[hooks.tests]\nfunction = "b"\npayload = "{"', "hooks.tests.payload: is not JSON"),
        ('[hooks.tests]\ncommand = ["b"]\npayload = "{}"', "hooks.tests.payload: is the event of an invocation"),
        ('[hooks.tests]\nfunction = "b"\ntimeout = 901', "hooks.tests.timeout: is longer than the 900 s"),
        ('[hooks.tests]\ncommand = ["a"]\nreversible = false', "hooks.tests.reversible: is for the hook before_switch"),
        (
            '[hooks.before_switch]\ncommand = ["a"]\non_failure = "keep"',
            "hooks.before_switch.on_failure: is for hooks after the switch",
        ),
        ("[hooks.tests]\nskip = true", "hooks.tests.skip: is for one environment: remove the hook instead"),
        (
            '[environments.dev.hooks.tests]\ncommand = ["a"]\nreversible = false',
            "environments.dev.hooks.tests.reversible: is for the hook before_switch",
        ),
        ('[hooks.tests]\nfunction = "a b"', "hooks.tests.function: must be a function's name, with :alias or :version"),
    ],
)
def test_a_hook_that_cannot_work_says_why(tmp_path: Path, text: str, problem: str) -> None:
    [found] = problems(tmp_path, text)
    assert found.startswith(problem)


def test_a_place_that_there_is_not_is_no_hook(tmp_path: Path) -> None:
    [found] = problems(tmp_path, '[hooks.before_swich]\ncommand = ["a"]')
    assert found.startswith("hooks.before_swich")


def hooks(general: dict[str, Any], own: dict[str, Any]) -> Any:
    return settings(hooks=general, environments=environments(hooks=own))


def test_an_environments_own_hook_replaces_the_general_one_whole() -> None:
    chosen = hooks({"tests": {"command": ["all"], "attempts": 3}}, {"tests": {"command": ["own"]}}).hook("dev", "tests")
    assert (chosen.command, chosen.attempts) == (("own",), 1)


def test_an_environment_may_have_none() -> None:
    chosen = hooks({"tests": {"command": ["all"]}, "before_switch": {"command": ["m"]}}, {"tests": {"skip": True}})
    assert chosen.hook("dev", "tests") is None
    assert chosen.hook("dev", "before_switch").work == "m"
    assert chosen.hook("dev", "after_switch") is None


def test_whether_a_migration_can_be_undone_is_asked_of_the_environments_own() -> None:
    irreversible = {"before_switch": {"command": ["m"], "reversible": False}}
    assert hooks(irreversible, {}).is_irreversible("dev")
    assert not hooks(irreversible, {"before_switch": {"skip": True}}).is_irreversible("dev")


SERVICES = """\
app = "hello"
aws.bucket = "hello-artifacts"
signing = { key = "k", public_key = "p" }
[environments.dev]
image.repository = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
ecs = { cluster = "dev", services = { api = {} } }
"""


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ('task = { container = "app" }', "hooks.before_switch.task.service: is missing: name the service whose"),
        ('task = { family = "migrate" }', "hooks.before_switch.task.subnets: are missing: a family has no network"),
        ('task = { service = "api", public_ip = true }', "hooks.before_switch.task.public_ip: goes with subnets"),
        ('task = { service = "web" }', "hooks.before_switch.task.service: must be one of the services of dev: api"),
        ('task = { service = "api" }\nfunction = "b"', "hooks.before_switch.task: runs a command, and a function"),
    ],
)
def test_a_task_that_cannot_run_says_why(tmp_path: Path, task: str, problem: str) -> None:
    path = tmp_path / "tagship.toml"
    path.write_text(f'{SERVICES}[hooks.before_switch]\ncommand = ["a"]\n{task}\n', "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert f"  - {problem}" in caught.value.what


def test_a_task_needs_a_command_and_services(tmp_path: Path) -> None:
    [_, missing] = problems(tmp_path, '[environments.dev.hooks.tests]\ntask = { family = "f", subnets = ["s"] }')
    assert missing.startswith("environments.dev.hooks.tests: runs nothing")
    [nowhere] = problems(tmp_path, '[hooks.tests]\ncommand = ["a"]\ntask = { service = "api" }')
    assert nowhere.startswith("hooks.tests.task: needs services, and dev has none: give dev a hook of its own")


def test_what_a_task_runs_is_said_with_its_service_or_family(tmp_path: Path) -> None:
    path = tmp_path / "tagship.toml"
    path.write_text(f'{SERVICES}[hooks.before_switch]\ncommand = ["a", "b c"]\ntask.service = "api"\n', "utf-8")
    hook = load(path, {}).hook("dev", "before_switch")
    assert hook
    assert hook.work == "task of api: a 'b c'"
