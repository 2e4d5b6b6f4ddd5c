"""The tasks: what they promise on the command line, and what it costs to list them."""

from __future__ import annotations

import errno
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.exceptions import Exit
from invoke.tasks import Task

from tagship.tasks import ns, program
from tagship.tasks._verb import verb

TOP = Path(__file__).parents[2]

CHANGES = {
    "tag", "deploy-dev", "build", "bundle", "publish", "deploy", "rollback", "freeze", "thaw", "unlock",
    "mark-good", "mark-bad", "infra.apply", "infra.unlock", "setup"
}  # fmt: skip
REPORTS = {
    "versions", "validate", "verify", "notify", "status", "history", "why-not", "lock", "sandbox", "infra.lock",
    "user-data"
}  # fmt: skip
STORY = {"demo"}  # neither: it tells a story on a sandbox of its own

TASKS: dict[str, Task] = {name: ns[name] for name in ns.task_names}  # type: ignore[type-arg]
NAMED = {alias: name for name, aliases in ns.task_names.items() for alias in (name, *aliases)}  # infra: infra.apply
# Read once: Invoke takes a flag's help text away from the task that it is read from.
ARGUMENTS = {name: task.get_arguments() for name, task in TASKS.items()}


def flags(task: str) -> set[str]:
    return {one.name for one in ARGUMENTS[task]}


def test_every_verb_is_known_for_one_that_changes_or_one_that_reports() -> None:
    assert set(TASKS) == CHANGES | REPORTS | STORY


@pytest.mark.parametrize("task", sorted(CHANGES))
def test_a_verb_that_changes_has_a_dry_run(task: str) -> None:
    assert "dry_run" in flags(task)


@pytest.mark.parametrize("task", sorted(REPORTS))
def test_a_verb_that_reports_has_json(task: str) -> None:
    assert "json" in flags(task)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_flag_says_what_it_is_for(task: str) -> None:
    assert not [one.name for one in ARGUMENTS[task] if not one.help]


@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_first_line_says_what_the_verb_does_in_eighty_columns(task: str) -> None:
    first = (TASKS[task].__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 80


@pytest.mark.parametrize("task", sorted(TASKS))
def test_no_flag_has_a_short_form(task: str) -> None:
    assert not [one.names for one in ARGUMENTS[task] if len(one.names) > 1]


@pytest.mark.parametrize("page", ["README.md"])
def test_a_page_lists_the_tasks_as_they_are(page: str) -> None:
    listed = re.findall(r"^\| `([a-z.-]+)` \|", (TOP / page).read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(TASKS)


SOURCES = sorted(str(file.relative_to(TOP)) for file in (TOP / "tagship").rglob("*.py"))
PAGES = [
    "README.md",
    "docs/quickstart.md",
    "docs/runbook.md",
    "docs/architecture.md",
    "docs/infra.md",
    "docs/secrets.md",
    "docs/unsigned.md",
    "docs/setup.md",
    "docs/tagship.sample.toml",
]
COMMAND = re.compile(r"\b(?:inv|invoke) ([a-z][a-z-]+(?:\.[a-z-]+)?)((?: +(?:--[a-z-]+|[\w.<>{}-]+))*)")


@pytest.mark.parametrize("page", [*PAGES, *SOURCES])
def test_every_command_that_a_page_or_a_message_names_exists_with_its_flags(page: str) -> None:
    for task, rest in COMMAND.findall((TOP / page).read_text("utf-8")):
        assert task in NAMED, task
        for flag in re.findall(r"--([a-z-]+)", rest):
            assert flag == "help" or flag.replace("-", "_") in flags(NAMED[task]), f"{task} --{flag}"


# -- what listing costs ------------------------------------------------------------------------------------------------

LISTED = """
import sys
from invoke.main import program
program.run(["inv", "--list"], exit=False)
heavy = {"boto3", "botocore", "git", "questionary", "prompt_toolkit", "rich", "pydantic", "github", "cryptography",
         "tenacity", "moto", "semver"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.starts("python", Path(sys.executable).name)
def test_listing_imports_nothing_that_is_slow() -> None:
    listed = subprocess.run([sys.executable, "-c", LISTED], cwd=TOP, capture_output=True, text=True, check=True)
    assert listed.stderr.strip() == "[]"
    assert "rollback" in listed.stdout


# -- the program -------------------------------------------------------------------------------------------------------


def test_the_program_lists_the_same_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    program.run(["tagship", "--list", "--list-format=json"], exit=False)
    told = json.loads(capsys.readouterr().out)
    below = {f"{group['name']}.{one['name']}" for group in told["collections"] for one in group["tasks"]}
    assert {one["name"] for one in told["tasks"]} | below == set(TASKS)


@pytest.mark.parametrize(
    "line",
    [
        ["nope"],
        ["--nope"],
        ["status", "--nope"],
        ["status", "--env"],
        ["--help", "nope"],
        ["history", "--limit", "x"],
        ["versions", "--count", "²"],
    ],
)
def test_a_usage_error_of_the_program_exits_2(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.run(["tagship", *line])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("line", [["--help"], ["dev", "--help"], ["-h"]])
def test_help_is_no_value_of_a_positional_argument(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.run(["tagship", "why-not", *line])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert "Every gate between a version and an environment" in told
    assert "the environment that it would be deployed to" in told


def test_the_program_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    from tagship import __version__

    program.run(["tagship", "--version"], exit=False)
    assert capsys.readouterr().out == f"tagship {__version__}\n"


# -- the Makefile ------------------------------------------------------------------------------------------------------

TARGET = re.compile(r"^([a-z-]+): setup ; (.*)$", re.MULTILINE)


def test_a_make_target_is_one_line_of_one_verb() -> None:
    makefile = (TOP / "Makefile").read_text("utf-8")
    recipes = dict(TARGET.findall(makefile))
    verbs = {name: recipe for name, recipe in recipes.items() if "$(INV)" in recipe}
    assert set(recipes) - set(verbs) == {
        "test",
        "test-host",
        "test-terraform",
        "test-faults",
        "lint",
        "bench",
        "bench-faults",
        "bench-host",
        "bench-shell",
    }
    for name, recipe in verbs.items():
        assert re.match(rf"@\$\(INV\) {name}\b", recipe), recipe
        assert name in TASKS
        assert "&&" not in recipe
        assert ";" not in recipe


def test_the_phony_targets_are_the_targets_there_are() -> None:
    makefile = (TOP / "Makefile").read_text("utf-8")
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    assert phony == {"help", "setup"} | {name for name, _ in TARGET.findall(makefile)}


@pytest.mark.parametrize(
    ("problem", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 8, "This machine says: No space left on device: /x"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 8, "This machine says: Permission denied: /x"),
        (KeyError("x"), 1, "tagship itself failed: KeyError: 'x'"),
    ],
)
def test_what_no_workflow_expected_is_three_lines_too(
    problem: Exception, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @verb()
    def falls(_c: object) -> None:
        """Fail."""
        raise problem

    with pytest.raises(Exit) as ended:
        falls.body(None)
    assert ended.value.code == code
    what, now, following = capsys.readouterr().err.splitlines()
    assert what == f"error: {words}"
    assert now == "  now: unknown; look before you act: inv status"
    assert following.startswith(" next: ")


@pytest.mark.parametrize("task", ["rollback", "status", "history", "lock", "unlock"])
def test_what_is_looked_at_or_changed_in_a_sandbox_is_said_to_be_one(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tagship.toml").write_text((TOP / "tagship.toml").read_text("utf-8"), "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exit):  # it is not running
        TASKS[task].body(None)
    assert capsys.readouterr().out.startswith("SANDBOX: ")


@pytest.mark.parametrize("old", ["heal", "resume"])
@pytest.mark.parametrize("more", [{"artifact": "0.1.2-dev"}, {"allow_older": True}, {"allow_bad": True}])
def test_an_old_flag_of_deploy_that_is_a_verb_takes_no_artifact(
    old: str, more: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exit) as ended:
        TASKS["deploy"].body(None, **{old: True}, **more)
    assert ended.value.code == 2
    assert "takes no artifact" in capsys.readouterr().err


def test_heal_and_resume_are_two_things(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as ended:
        TASKS["deploy"].body(None, heal=True, resume=True)
    assert ended.value.code == 2
    assert "two things" in capsys.readouterr().err
