"""Previews from `init --previews` to `setup --remove`, as they are typed: each command, and what doctor says of it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox.state import Running
from tests.journeys.test_release import BIN
from tests.sandbox.conftest import client, git, sandbox

__all__ = ["sandbox"]
SOURCE = f"git+https://example.com/ada/tagship.git@{40 * '0'}"
INIT = f"tagship init --kind lambda --app pages --function pages-dev --previews --yes --source {SOURCE}"
APP = 'def handler(event, context):\n    return {"statusCode": 200}\n'
STACK = "tagship-pages-previews"
ABOUT = "previews: "


@dataclass
class Repository:
    """A repository that ships to the sandbox's account, and nobody's before."""

    root: Path
    running: Running

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        gone = ("CI", "GITHUB_", "GH_TOKEN", "AWS_", "TAGSHIP_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(gone)}
        keys = self.running.keys
        kept |= {"AWS_ENDPOINT_URL": self.running.aws_url, "AWS_ACCESS_KEY_ID": keys.access}
        kept |= {"AWS_SECRET_ACCESS_KEY": keys.secret, "PATH": f"{BIN}{os.pathsep}{kept['PATH']}"}
        return subprocess.run(
            ["bash", "-c", command], cwd=self.root, env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=180, check=False,
        )  # fmt: skip

    def type(self, command: str) -> str:
        done = self.run(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def doctor(self) -> dict[str, tuple[str, str]]:
        """What doctor says of previews: by check, its state and its words."""
        rows: list[dict[str, Any]] = json.loads(self.run("inv doctor --json").stdout)["findings"]
        return {
            row["about"].removeprefix(ABOUT): (row["state"], row["words"])
            for row in rows
            if row["about"].startswith(ABOUT)
        }

    def stacks(self) -> set[str]:
        return {row["StackName"] for row in client(self.running, "cloudformation").describe_stacks()["Stacks"]}

    def replace(self, before: str, after: str) -> None:
        path = self.root / "tagship.toml"
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")


@pytest.fixture(scope="module")
def team(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    root = tmp_path_factory.mktemp("pages")
    (root / "app.py").write_text(APP, "utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    git(root, "remote", "add", "origin", "https://github.com/ada/pages.git")
    return Repository(root, sandbox)


NO_TOOL = ("failing", "previews.remove names no tool: no preview can be closed")
NO_STACK = ("failing", f"there is no stack {STACK}: their jobs have no role")
LACKING = """remove = ["sh", "-c", "echo 'previews.remove in tagship.toml names no tool yet' >&2; exit 1"]"""


def test_previews_are_written_set_up_and_taken_away_and_doctor_says_what_is_so(team: Repository) -> None:
    shown = team.type(INIT)
    assert "tagship.toml has [previews], whose two commands are yours" in shown
    git(team.root, "add", ".")
    git(team.root, "commit", "--quiet", "-m", "Ship with tagship")
    team.replace("sandbox = true", "")  # as its comment says: to ship to AWS

    found = team.doctor()
    assert (found["template"], found["role"]) == (NO_TOOL, NO_STACK)
    assert found["open ones"][0] == "failing", "there is no bucket yet"
    team.replace(LACKING, 'remove = ["true", "pages-pr-{n}"]')
    assert f"stack {STACK}: done" in team.type("inv setup")
    assert STACK in team.stacks()
    found = team.doctor()
    assert found["template"] == ("ok", "pr-<number>, 72 h after the last deployment at most")
    assert found["role"][0] == "ok"
    assert f":role/{STACK}-Preview-" in found["role"][1]
    assert found["open ones"] == ("ok", "0 previews open, 10 at most")

    asked = team.run("inv setup --remove --env previews")
    assert asked.returncode == 2
    assert " next: Say it: inv setup --remove --env previews --yes" in asked.stderr
    assert STACK in team.stacks()
    shown = team.type("inv setup --remove --env previews --yes")
    assert f"stack {STACK}: removed" in shown
    assert "leave  the key alias/pages-previews-release" in shown
    assert {"tagship-pages", "tagship-pages-dev"} <= team.stacks()
    assert STACK not in team.stacks()
    assert team.doctor()["role"] == NO_STACK
    assert "nothing to remove" in team.type("inv setup --remove --env previews --yes")
