"""tagship.toml in its older form: each key is told its new place, and what is wrong with its value, in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.errors import SettingsError
from tagship.settings import settings_of
from tagship.settings.moved import bring_home
from tests.unit.settings_text import APP, Text

OLD = (
    APP
    + """
[environments.dev]
target = "ec2"
runtime = "docker"
manager = "systemd"
command = ["x"]
port = 8080
keep = 3
drain = 5
kind = "job"
timer = "hourly"
run_at_deploy = true
zero_downtime = true
user = "web"
image.repository = "registry.example/hello"
ec2.tags = { Name = "hello" }

[environments.dev.limits]
memory = "1g"
pids = 50

[environments.dev.fleet]
max_concurrency = "20%"
max_errors = 2
canary = true
bake = 60
"""
)
MOVED = {
    **{
        key: f"ec2.{key}"
        for key in (
            "runtime", "manager", "command", "port", "keep", "drain", "kind", "timer", "run_at_deploy",
            "zero_downtime", "user", "limits.memory", "limits.pids",
        )
    },
    **{f"fleet.{key}": f"ec2.rollout.{key}" for key in ("max_concurrency", "max_errors", "canary", "bake")},
}  # fmt: skip
NEW = APP + '[environments.dev]\nec2.tags = { Name = "hello" }\nec2.command = ["x"]\n'
FILE = Text()
read, errors = FILE.read, FILE.errors


def test_a_file_of_the_older_form_gets_one_error_a_key_with_its_new_place(tmp_path: Path) -> None:
    said = [f"environments.dev.{old} moved to environments.dev.{new}" for old, new in MOVED.items()]
    gone = "environments.dev.target is gone: the table [environments.dev.ec2] says it; remove the line"
    assert errors(tmp_path, OLD) == [gone, *said]


def test_with_every_key_at_the_place_that_was_named_the_file_loads(tmp_path: Path) -> None:
    text = OLD.replace('target = "ec2"\n', "")
    for key in [key for key in MOVED if "." not in key]:
        text = text.replace(f"\n{key} = ", f"\nec2.{key} = ")
    text = text.replace("[environments.dev.limits]", "[environments.dev.ec2.limits]")
    text = text.replace("[environments.dev.fleet]", "[environments.dev.ec2.rollout]")
    assert read(tmp_path, text).environments["dev"].target.rules.bake == 60


def test_what_is_wrong_with_a_value_at_an_old_place_is_found_in_the_same_run(tmp_path: Path) -> None:
    assert errors(tmp_path, APP + '[environments.dev]\nport = 70000\nec2.tags = { a = "b" }\n') == [
        "environments.dev.port moved to environments.dev.ec2.port",
        "environments.dev.ec2.port: must be 65535 or less; is 70000",
        'environments.dev.ec2.command: runtime = "process" needs the program to start: command = ["python3", "app.py"]',
    ]


def test_a_key_at_both_places_is_read_at_the_new_one(tmp_path: Path) -> None:
    assert errors(tmp_path, NEW + "ec2.port = 80\nport = 70000\n") == [
        "environments.dev.port moved to environments.dev.ec2.port"
    ]


@pytest.mark.parametrize("line", ["fleet = 5", "limits = []", 'fleet = "x"'])
def test_what_is_no_table_where_a_table_was_is_told_both(tmp_path: Path, line: str) -> None:
    old = line.split(" = ", maxsplit=1)[0]
    new = {"fleet": "rollout", "limits": "limits"}[old]
    moved, wrong = errors(tmp_path, NEW + line + "\n")
    assert moved == f"environments.dev.{old} moved to environments.dev.ec2.{new}"
    assert wrong.startswith(f"environments.dev.ec2.{new}: must be a table; is ")


def test_old_keys_of_an_environment_without_a_table_need_the_hosts_tags_too(tmp_path: Path) -> None:
    assert errors(tmp_path, APP + '[environments.dev]\ncommand = ["x"]\n') == [
        "environments.dev.command moved to environments.dev.ec2.command",
        "environments.dev.ec2.tags: missing; add it",
    ]


@pytest.mark.parametrize("key", sorted(MOVED))
def test_a_variable_of_the_older_form_is_told_its_new_name(tmp_path: Path, key: str) -> None:
    old, new = (f"TAGSHIP_ENVIRONMENTS_DEV_{place.replace('.', '_').upper()}" for place in (key, MOVED[key]))
    assert errors(tmp_path, NEW, {old: "1"}) == [f"{old} moved to {new}"]


def test_the_variable_of_a_key_that_is_gone_is_told_so(tmp_path: Path) -> None:
    name = "TAGSHIP_ENVIRONMENTS_DEV_TARGET"
    assert errors(tmp_path, NEW, {name: "ec2"}) == [f"{name} is gone: the environment's table ec2 says it"]


# -- who is to blame ---------------------------------------------------------------------------------------------------


def test_a_wrong_variable_is_named_and_the_file_is_not(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, NEW, {"TAGSHIP_ENVIRONMENTS_DEV_EC2_PORT": "x"})
    assert caught.value.what.splitlines() == [
        "One environment variable is wrong:",
        '  - TAGSHIP_ENVIRONMENTS_DEV_EC2_PORT (environments.dev.ec2.port): must be a whole number; is "x"',
    ]
    assert caught.value.remedy == "Correct, or: unset TAGSHIP_ENVIRONMENTS_DEV_EC2_PORT"
    assert "tagship.toml" not in str(caught.value)


def test_a_combination_that_a_variable_makes_is_the_variables_too(tmp_path: Path) -> None:
    [said] = errors(tmp_path, NEW, {"TAGSHIP_ENVIRONMENTS_DEV_EC2_TIMEOUT": "60"})
    assert said.startswith("TAGSHIP_ENVIRONMENTS_DEV_EC2_TIMEOUT (environments.dev.ec2.timeout): would kill a host's")


def test_errors_of_both_are_listed_apart_with_a_remedy_each(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, NEW + "ec2.port = 0\n", {"TAGSHIP_CI_TIMEOUT": "x", "TAGSHIP_AWS_REGION": "y"})
    titles = [line for line in caught.value.what.splitlines() if not line.startswith("  - ")]
    assert titles == [f"{tmp_path / 'tagship.toml'} has one error:", "2 environment variables are wrong:"]
    assert caught.value.remedy.endswith("; then Correct, or: unset TAGSHIP_AWS_REGION TAGSHIP_CI_TIMEOUT")


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        NEW + f'branch = "-{LONG}"\n',
        NEW + f"{LONG} = 1\n",
        NEW + f'bundle.include = ["/{LONG}"]\n',
        NEW + f'image.context = "/{LONG}"\n',
        NEW + f'variables = {{ "{LONG} " = "x" }}\n',
        NEW + f'secrets.secrets_manager = {{ A = "-{LONG}" }}\n',
        NEW + f'infra.variables = {{ "TF_VAR_{LONG}-" = "" }}\n',
        NEW + f"fleet.{LONG} = 1\n",
        NEW + f"[environments.{LONG}]\nport = 1\n",
        NEW + f"[environments.{LONG}]\nec2 = 1\nbranch = 1\n[environments.{LONG}2]\nbranch = 1\nsuffix = 1\n",
        APP + f"{LONG}.a = 1\n{LONG}.a = 1\n",
        f"[{LONG}",
    ],
)
def test_a_long_value_or_name_is_not_echoed(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert len(str(caught.value)) < 3000


def test_a_long_variable_is_not_echoed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, NEW, {"TAGSHIP_AWS_BUCKET": LONG, f"TAGSHIP_AWS_{LONG}": "x", "TAGSHIP_CI_TIMEOUT": "9" * 4000})
    assert len(str(caught.value)) < 3000


def test_an_environment_with_a_long_name_that_is_not_there_is_cut(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, NEW).environment(LONG)
    assert len(str(caught.value)) < 500


def test_seconds_to_stay_up_moved_to_the_health_of_the_environment() -> None:
    values: dict[str, Any] = {"environments": {"dev": {"ec2": {"alive": 10}}}}
    assert bring_home(values, settings_of()) == [
        'environments.dev.ec2.alive moved to environments.dev.health: kind = "alive" and seconds'
    ]
    assert values["environments"]["dev"] == {"ec2": {}, "health": {"kind": "alive", "seconds": 10}}
