"""The release commands as typed, where all is well."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import git
from tests.sandbox.release import Typed


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    return Typed(tmp_path)


def test_deploy_dev_tags_pushes_and_says_where_to_look(typed: Typed) -> None:
    typed.tag("7.7.7-stray")
    done = typed.inv("deploy-dev", "--yes")
    assert done.returncode == 0, done.stderr
    assert typed.tags_there() == ["0.1.0-dev", "0.1.1-dev"]
    assert git(typed.remote, "cat-file", "-t", "0.1.1-dev") == "tag"
    assert "- Mend the thing" in git(typed.remote, "cat-file", "tag", "0.1.1-dev")
    assert "the remote is not on GitHub and there are no AWS credentials" in done.stdout
    assert str(typed.remote) in done.stdout


def test_a_dry_run_as_json_is_the_plan_and_nothing_else(typed: Typed) -> None:
    before = typed.both()
    done = typed.inv("deploy-dev", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert (plan["outcome"], plan["version"], plan["branch"]) == ("planned", "0.1.1-dev", "dev")
    assert typed.both() == before


def test_the_commands_of_the_plan_are_the_release(typed: Typed) -> None:
    plan = json.loads(typed.inv("deploy-dev", "--dry-run", "--json").stdout)
    for command in plan["commands"]:
        subprocess.run(["sh", "-c", command], cwd=typed.work, check=True, capture_output=True)
    assert typed.tags_there() == ["0.1.0-dev", "0.1.1-dev"]


def test_tag_makes_it_here_and_undo_takes_it_back(typed: Typed) -> None:
    before = typed.both()
    done = typed.inv("tag", "--suffix", "dev", "--yes")
    assert done.returncode == 0, done.stderr
    assert typed.tags_here() == ["0.1.0-dev", "0.1.1-dev"]
    assert typed.tags_there() == ["0.1.0-dev"]
    assert "push it: git push --atomic" in done.stdout
    assert typed.inv("tag", "--undo", "--version", "0.1.1-dev", "--yes").returncode == 0
    assert typed.both() == before


def test_undo_leaves_somebody_elses_tag(typed: Typed) -> None:
    typed.grace_tags("0.1.1-dev")
    before = typed.both()
    done = typed.inv("tag", "--undo", "--version", "0.1.1-dev", "--yes")
    assert done.returncode == 3
    assert "0.1.1-dev is Grace <grace@example.com>'s; you are Ada <ada@example.com>." in done.stderr
    assert typed.both() == before


def test_versions_lists_what_others_released(typed: Typed) -> None:
    typed.grace_tags("0.1.10-dev")
    typed.grace_tags("0.1.9-dev")
    done = typed.inv("versions")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:4]] == ["0.1.10-dev", "0.1.9-dev", "0.1.0-dev"]
    assert "latest" in done.stdout.splitlines()[1]
    assert "next: 0.1.11-dev (patch), 0.2.0-dev (minor), 1.0.0-dev (major)" in done.stdout


def test_another_commit_is_tagged_from_a_checkout_in_any_state(typed: Typed) -> None:
    (typed.work / "scribble").write_text("")
    earlier = git(typed.work, "rev-parse", "HEAD~1")
    git(typed.work, "tag", "--delete", "0.1.0-dev")
    git(typed.remote, "update-ref", "-d", "refs/tags/0.1.0-dev")
    done = typed.inv("deploy-dev", "--yes", "--first", "--commit", earlier[:10], "--no-follow")
    assert done.returncode == 0, done.stderr
    assert git(typed.remote, "rev-parse", "0.1.0-dev^{commit}") == earlier


@pytest.mark.parametrize("step", ["validate", "build", "bundle", "publish"])
def test_a_step_of_ci_that_fails_says_why_to_whoever_follows(
    typed: Typed, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = typed.inv(step, "--artifact", "latest")
    assert done.returncode == 2
    assert re.search(
        r"^::error title=tagship exit 2 [0-9a-f]{16}::.*latest.*; Nothing was changed$", done.stdout, re.MULTILINE
    )


def test_a_release_imports_neither_prompt_nor_tables_nor_aws(typed: Typed) -> None:
    """Its cost over the same git commands is Python's start: nothing is imported that is not used."""
    program = (
        "import sys; from tagship.tasks.program import run\n"
        "try: run(['tagship', 'deploy-dev', '--yes', '--no-follow'])\n"
        "finally: print(sorted({'questionary', 'rich', 'boto3', 'github', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=typed.work,
        env=typed.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
