"""Auto Scaling groups in tagship.toml: what is missing or cannot work is told in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.settings import Settings
from tagship.settings.asg import Asg
from tests.unit.settings_text import APP, Text

TOP = APP + "[environments.dev]\n"
TABLE = 'asg.groups = ["web"]\nasg.tags = { a = "b" }\nasg.command = ["python3", "app.py"]\n'
FILE = Text(TOP)
read, errors = FILE.read, FILE.errors


def groups(settings: Settings) -> Asg:
    chosen = settings.environment("dev").runs_on(Asg)
    assert chosen
    return chosen


def test_groups_their_tags_and_a_command_are_all_that_is_needed(tmp_path: Path) -> None:
    made = groups(read(tmp_path, TABLE))
    assert (made.groups, made.rules.concurrency, made.longest, made.has_image) == (("web",), "100%", 14_400, False)
    assert (made.stack_groups, made.resource_tags) == (("web",), {"a": "b"})
    assert made.stack_parameters == {"Document": "tagship-deploy"}


def test_checkpoints_and_bake_add_to_the_time_that_a_group_may_take(tmp_path: Path) -> None:
    more = "asg.refresh = { checkpoints = [50, 100], checkpoint_delay = 10, bake = 5, timeout = 100 }\n"
    assert groups(read(tmp_path, TABLE + more)).longest == 200 + 60 * (2 * 10 + 5)


def test_groups_in_order_are_batches_of_one(tmp_path: Path) -> None:
    assert groups(read(tmp_path, TABLE + 'asg.order = "in order"\n')).rules.batch(3) == 1


def test_the_bundle_carries_how_the_app_runs_on_its_hosts(tmp_path: Path) -> None:
    files = read(tmp_path, TABLE + "asg.port = 9000\n").files()
    assert b"PORT=9000\n" in files["deploy/environments/dev.conf"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("asg.refresh.checkpoints = [100, 50]", "asg.refresh.checkpoints: are percentages that rise: [25, 100]"),
        (
            "asg.refresh.checkpoints = [25]",
            "asg.refresh.checkpoints: end below 100: the rest of the group would never be replaced; add 100",
        ),
        ("asg.refresh.bake = 3000", "asg.refresh.bake: must be 2880 or less; is 3000"),
        (
            'asg.runtime = "docker"',
            'image.repository: runtime = "docker" needs the repository that images are pushed to',
        ),
        ('asg.user = "root"', "asg.user: is root, and no app runs as root: name another account, or leave it out"),
    ],
)
def test_what_cannot_work_is_told(tmp_path: Path, line: str, problem: str) -> None:
    assert f"environments.dev.{problem}" in errors(tmp_path, f"{TABLE}{line}\n")


def test_a_job_and_a_group_named_twice_are_refused(tmp_path: Path) -> None:
    text = 'asg = { groups = ["a", "a"], tags = { a = "b" }, command = ["x"], kind = "job", manager = "systemd" }\n'
    assert errors(tmp_path, text) == [
        'environments.dev.asg.kind: is for hosts that stay: a group\'s are replaced, so "service" is all they run',
        "environments.dev.asg.groups: names a group twice",
    ]


def test_a_group_has_a_name_that_a_key_can_have(tmp_path: Path) -> None:
    problems = errors(tmp_path, TABLE.replace('["web"]', '["a/b"]'))
    assert any("must be an Auto Scaling group's name" in problem for problem in problems), problems
