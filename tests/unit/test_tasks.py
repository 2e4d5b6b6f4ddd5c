"""The tasks: what they promise on the command line, and what it costs to list them."""

from __future__ import annotations

import errno
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from types import SimpleNamespace

import pytest
from invoke.exceptions import Exit
from invoke.parser.parser import Parser

from tagship.domain import commands
from tagship.errors import DeployFailed, ServiceFailed
from tagship.tasks import ns, program
from tagship.tasks._arguments import FlaggedTask
from tagship.tasks._failures import three_lines
from tagship.tasks._verb import command
from tagship.verbs.validate import Outputs
from tests.fakes.app import FakeApp, settings
from tests.fakes.ci import FakeCi

TOP = Path(__file__).parents[2]

CHANGES = {
    "tag", "tag-undo", "deploy-dev", "build", "bundle", "publish", "deploy", "heal", "resume", "rollback", "freeze",
    "thaw", "unlock", "mark-good", "mark-bad", "infra.apply", "infra.unlock", "setup", "eject", "init",
    "pin", "resign", "adopt", "cleanup", "tested", "promote", "continue", "preview.close", "preview.sweep",
}  # fmt: skip
REPORTS = {
    "versions", "validate", "verify", "notify", "status", "history", "why-not", "lock", "sandbox", "infra.lock",
    "infra.plan", "user-data", "doctor", "sbom", "metrics", "drill", "logs", "watch", "report",
}  # fmt: skip
STORY = {
    "demo",  # neither: it tells a story on a sandbox of its own
    "shell",  # nor this: what is done in it is a person's
}


def module_of(task: str) -> str:
    """The module of verbs/ that a task calls."""
    name = task.replace("-", "_").replace(".", "_")
    return f"{name}_" if iskeyword(name) else name


TASKS: dict[str, FlaggedTask] = {name: ns[name] for name in ns.task_names}
NAMED = {alias: name for name, aliases in ns.task_names.items() for alias in (name, *aliases)}  # infra: infra.apply
CONTEXTS = {context.name: context for context in ns.to_contexts()}


def flags(task: str) -> set[str]:
    """Every spelling that a task takes, without its dashes: version, artifact, no-follow."""
    context = CONTEXTS[task]
    return {flag.removeprefix("--") for flag in (*context.flags.aliases, *context.flags, *context.inverse_flags)}


def test_every_verb_is_known_for_one_that_changes_or_one_that_reports() -> None:
    assert set(TASKS) == CHANGES | REPORTS | STORY


@pytest.mark.parametrize("task", sorted(CHANGES))
def test_a_verb_that_changes_has_a_dry_run(task: str) -> None:
    assert "dry-run" in flags(task)


@pytest.mark.parametrize("task", sorted(REPORTS))
def test_a_verb_that_reports_has_json(task: str) -> None:
    assert "json" in flags(task)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_flag_says_what_it_is_for(task: str) -> None:
    assert not [flag.name for flag in TASKS[task].flags if not flag.help]


@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_first_line_says_what_the_verb_does_in_eighty_columns(task: str) -> None:
    first = (TASKS[task].__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 80


@pytest.mark.parametrize("task", sorted(TASKS))
def test_no_flag_has_a_short_form(task: str) -> None:
    assert not [name for name in flags(task) if len(name) == 1]


@pytest.mark.parametrize("task", sorted(TASKS))
def test_the_version_has_one_name_and_its_old_ones(task: str) -> None:
    spelled = flags(task) & {"version", "artifact", "to"}
    assert spelled in (set(), {"version", "artifact", "to"})
    assert task in {"rollback", "drill"} or not spelled or "version" in {flag.name for flag in TASKS[task].flags}


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"sandbox", "demo"}))
def test_a_task_calls_its_verb_by_the_names_that_the_verb_has(task: str) -> None:
    name = module_of(task)
    parameters = inspect.signature(getattr(import_module(f"tagship.verbs.{name}"), name)).parameters
    taken = {flag.attribute for flag in TASKS[task].flags if not flag.becomes} - {"json"}
    assert set(parameters) == {"app", *taken}


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"sandbox", "demo"}))
def test_a_flags_default_is_the_verbs_own(task: str) -> None:
    name = module_of(task)
    parameters = inspect.signature(getattr(import_module(f"tagship.verbs.{name}"), name)).parameters
    asked = [flag for flag in TASKS[task].flags if not flag.positional and flag.attribute in parameters]
    for flag in asked:
        assert parameters[flag.attribute].default in (flag.default, inspect.Parameter.empty), flag.name


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
    "docs/cleanup.md",
    "docs/metrics.md",
    "docs/tagship.sample.toml",
]
COMMAND = re.compile(r"\b(?:inv|invoke) ([a-z][a-z-]+(?:\.[a-z-]+)?)((?: +(?:--[a-z-]+|[\w.<>{}-]+))*)")


@pytest.mark.parametrize("page", [*PAGES, *SOURCES])
def test_every_command_that_a_page_or_a_message_names_exists_with_its_flags(page: str) -> None:
    for task, rest in COMMAND.findall((TOP / page).read_text("utf-8")):
        assert task in NAMED, task
        for flag in re.findall(r"--([a-z-]+)", rest):
            assert flag == "help" or flag in flags(NAMED[task]), f"{task} --{flag}"


# -- the commands that messages advise ---------------------------------------------------------------------------------

V = "0.1.30-dev"
ADVISED = [
    commands.deploy(V, "dev", allow_bad=True, allow_older=True),
    commands.deploy_dev("dev", version=V, commit="c0ffee", yes=True),
    commands.rollback(V, "dev", yes=True, allow_bad=True, wait="10m", preempt=True, freeze="8h", reason="it fails"),
    commands.rollback(),
    commands.heal("dev", wait="10m", automatic=True),
    commands.drill("dev", to="0.1.29-dev", for_real=True, yes=True),
    commands.notify(test=True),
    commands.resume("dev", wait="10m"),
    commands.continue_("dev"),
    commands.verify(V, "dev"),
    commands.status("dev"),
    commands.logs("dev", deployment="20261120-120000-abcdef"),
    commands.history("dev", version=V, verify=True, rebuild_index=True, as_json=True),
    commands.lock("dev"),
    commands.unlock("dev", "20261120-120000-abcdef"),
    commands.unlock("dev", "20261120-120000-abcdef", reset_fence=True, reason="somebody wrote to the lease"),
    commands.freeze("dev", "friday 18:00", "the sale; it's on"),
    commands.thaw("dev", yes=True),
    commands.mark_good(V, "dev", "it was the database"),
    commands.mark_bad(V, "dev", "it sends every mail twice"),
    commands.why_not("dev", V),
    commands.tested(V, "dev"),
    commands.promote("dev", "prod", V, allow_older=True, yes=True),
    commands.tag("dev", version=V),
    commands.tag_undo(V),
    commands.versions("dev", count=5),
    commands.build(V, "dev"),
    commands.bundle(V, "dev"),
    commands.publish(V, "dev"),
    commands.infra(V, "dev"),
    commands.infra(V, "dev", planned="0" * 64),
    commands.infra_plan(V, "dev", detailed=True, store=True),
    commands.infra_lock("dev"),
    commands.preview_close("51"),
    commands.preview_sweep(),
    commands.demo("asg"),
    commands.infra_unlock("dev", "abc", run_ended=True),
    commands.setup(owner_id="12", repository_id="34", document_only=True, dry_run=True),
    commands.doctor(fix=True, yes=True),
    commands.setup(remove=True, env="dev", yes=True),
    commands.adopt("dev", undo=True, yes=True),
    commands.pin("dev", dry_run=True),
    commands.resign("dev", dry_run=True),
    commands.cleanup("dev", dry_run=True),
    commands.user_data("dev", compress=True, output="user-data.gz"),
    commands.eject(yes=True),
    commands.init({"kind": "job"}, yes=True).replace("tagship", "inv", 1),
    commands.sandbox("reset"),
    commands.sandbox("secret", "GREETING=hello"),
    commands.sandbox("stop-host", "hello-dev-1"),
]
OF_AWS = {"calendar_state", "put_parameter", "store_again"}


@pytest.mark.parametrize("advised", ADVISED)
def test_a_command_that_messages_advise_is_one_that_the_tasks_take(advised: str) -> None:
    program, *words = shlex.split(advised)
    parsed = Parser(contexts=ns.to_contexts()).parse_argv(words)
    given = {str(arg.raw_value) for arg in parsed[0].args.values() if isinstance(arg.raw_value, str)}
    assert program == "inv"
    assert len(parsed) == 1
    assert given == {word for word in words[1:] if not word.startswith("--")}


def test_every_command_that_can_be_advised_is_in_that_list() -> None:
    spelled = {module_of(word) for word in (one.split()[1] for one in ADVISED)}
    functions = {name for name, value in vars(commands).items() if inspect.isfunction(value) and name[0] != "_"}
    assert spelled == functions - OF_AWS


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


WARNED = """
import sys
sys.modules["socks"] = None  # as without the library
import {first}
try:
    import urllib3.contrib.socks
except ImportError:
    pass
"""


@pytest.mark.starts("python", Path(sys.executable).name)
@pytest.mark.parametrize(("first", "warns"), [("tagship.adapters", False), ("sys", True)])
def test_no_library_s_warning_of_another_is_printed(first: str, warns: bool) -> None:
    command = [sys.executable, "-c", WARNED.format(first=first)]
    imported = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True)
    assert ("SOCKS support" in imported.stderr) is warns


def test_the_program_lists_the_same_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    program.run(["tagship", "--list", "--list-format=json"], exit=False)
    told = json.loads(capsys.readouterr().out)
    below = {f"{group['name']}.{one['name']}" for group in told["collections"] for one in group["tasks"]}
    assert {one["name"] for one in told["tasks"]} | below == set(TASKS)


def test_without_a_task_the_tasks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    program.run(["tagship"], exit=False)
    shown = capsys.readouterr().out
    assert "rollback" in shown
    assert "--prompt-for-sudo-password" not in shown
    assert shown.splitlines()[-1] == "The flags of a task: tagship TASK --help"


@pytest.mark.parametrize(
    "line",
    [
        ["nope"],
        ["--nope"],
        ["status", "--nope"],
        ["status", "--env"],
        ["--help", "nope"],
        ["--list", "nope"],
        ["why-not", "dev"],
        ["status", "dev"],
        ["history", "--limit", "x"],
        ["versions", "--count", "²"],
        ["why-not", "", "0.1.30-dev"],
    ],
)
def test_a_usage_error_of_the_program_is_three_lines_and_exit_2(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        program.run(["tagship", *line])
    assert ended.value.code == 2
    what, now, following = capsys.readouterr().err.splitlines()
    assert what.startswith("error: ")
    assert now == "  now: Nothing was changed."
    assert following.startswith(" next: ")


@pytest.mark.parametrize(
    ("line", "what", "advice"),
    [
        (["rolback"], "There is no task 'rolback'.", "Did you mean rollback? See what there is: tagship --list"),
        (["infra.lok"], "There is no task 'infra.lok'.", "Did you mean infra.lock?"),
        (["--help", "statsu"], "There is no task 'statsu'.", "Did you mean status?"),
        (["status", "--evn", "dev"], "tagship status has no flag '--evn'.", "Did you mean --env? See its flags:"),
        (["--help", "tsatus"], "There is no task 'tsatus'.", "Did you mean status?"),
        (["history", "--person"], "tagship history has no flag '--person'.", "See its flags: tagship history --help"),
        (["deploy", "--versoin=1"], "tagship deploy has no flag '--versoin'.", "Did you mean --version?"),
        (["--lits"], "tagship has no flag '--lits'.", "Did you mean --list?"),
        (["rollback", "0.1.29-dev"], "takes no '0.1.29-dev' without a flag.", "tagship rollback --to 0.1.29-dev"),
        (["verify", "0.1.29-dev"], "takes no '0.1.29-dev' without a flag.", "tagship verify --version 0.1.29-dev"),
        (["status", "--env", "  "], "--env was given an empty value.", "inv status --help"),
        (["x" * 100_000], f"There is no task '{'x' * 60}'… (100000 characters).", "tagship --list"),
    ],
)
def test_a_usage_error_names_what_was_meant(
    line: list[str], what: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        program.run(["tagship", *line])
    first, _, last = capsys.readouterr().err.splitlines()
    assert what in first
    assert advice in last


VALUED = [
    (task, flag)
    for task in sorted(TASKS)
    for flag in sorted(flags(task))
    if f"--{flag}" in CONTEXTS[task].flags and CONTEXTS[task].flags[f"--{flag}"].takes_value
]


@pytest.mark.parametrize(("task", "flag"), VALUED)
def test_an_empty_value_is_an_error_for_every_flag_of_every_task(
    task: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        program.run(["tagship", task, f"--{flag}", ""])
    assert ended.value.code == 2
    what, now, following = capsys.readouterr().err.splitlines()
    assert "empty value" in what or "whole number" in what
    assert now == "  now: Nothing was changed."
    assert f"inv {task} --help" in following


@pytest.mark.starts("inv")
@pytest.mark.parametrize("line", [["rolback"], ["status", "--evn"], ["rollback", "--to", ""], ["--help", "statsu"]])
def test_inv_answers_usage_errors_as_the_program_does(line: list[str]) -> None:
    inv = Path(sys.executable).with_name("inv")
    ended = subprocess.run([inv, *line], cwd=TOP, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert [text[:7] for text in ended.stderr.splitlines()] == ["error: ", "  now: ", " next: "]


@pytest.mark.parametrize("line", [["--help"], ["dev", "--help"], ["-h"]])
def test_help_is_no_value_of_a_positional_argument(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.run(["tagship", "why-not", *line])
    told = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert "Show every gate between a version and an environment" in told
    assert "the environment that it would go to" in told


def test_the_program_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    from tagship import __version__

    program.run(["tagship", "--version"], exit=False)
    assert capsys.readouterr().out == f"tagship {__version__}\n"


@pytest.mark.starts("inv", "bash")
def test_a_reader_of_the_list_that_ends_is_no_failure() -> None:
    inv = Path(sys.executable).with_name("inv")
    line = f"{shlex.quote(str(inv))} --list | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], cwd=TOP, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.stdout in {"0\n", "141\n"}


# -- what a verb prints ------------------------------------------------------------------------------------------------


class Stage:
    """The App that every verb is given, which verbs were called with what, and what they return or raise."""

    def __init__(self) -> None:
        self.app = FakeApp(settings=settings(sandbox=True))
        self.called: list[tuple[str, dict[str, object]]] = []
        self.ends: object = None

    def verb(self, module: str) -> Callable[..., object]:
        def verb(_app: object, **given: object) -> object:
            self.called.append((module, given))
            if isinstance(self.ends, BaseException):
                raise self.ends
            return self.ends

        return verb

    def run(self, task: str, **values: object) -> None:
        TASKS[task].body(None, **values)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr("tagship.bootstrap.app", lambda **_: made.app)
    monkeypatch.setattr("tagship.tasks._verb._function", made.verb)
    return made


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"sandbox", "demo", "init"}))
def test_every_verb_says_sandbox_once(task: str, stage: Stage) -> None:
    stage.run(task)
    assert stage.app.screen.text.count("SANDBOX") == 1


def test_a_result_is_one_json_document(stage: Stage) -> None:
    stage.ends = Outputs(True, "dev", V, V, V)
    stage.run("validate", json=True)
    assert stage.app.screen.documents == [
        {"should_deploy": True, "environment": "dev", "version": V, "image_tag": V, "tag": V}
        | {"skip_build": False, "commit": "", "approval": False, "after": "", "should_close": False, "reason": ""}
    ]


def test_a_verb_gets_its_flags_by_their_names_and_the_others_by_default(stage: Stage) -> None:
    stage.run("deploy", artifact=V, allow_bad=True)
    rest = {"env": "", "skip": "", "allow_older": False, "wait": "", "dry_run": False}
    assert stage.called == [("deploy", {"artifact": V, "allow_bad": True, **rest})]


@pytest.mark.parametrize(
    "line",
    ["--skip web-1 --skip web-2", "--skip web-1,web-2", "--skip=web-1 --skip=web-2", "--skip web-1 --skip=web-2"],
)
def test_a_flag_that_may_be_given_more_than_once_is_one_value_with_commas(line: str, stage: Stage) -> None:
    for _ in range(2):  # what was typed before is not typed again
        program.run(f"tagship deploy {line} --version {V}", exit=False)
    assert [values["skip"] for _, values in stage.called] == ["web-1,web-2"] * 2
    assert {values["artifact"] for _, values in stage.called} == {V}


def test_a_failed_step_leaves_its_exit_code_and_its_words_in_the_run(stage: Stage) -> None:
    stage.ends = DeployFailed("It failed.", state="0.1.29-dev is serving.", remedy="Look")
    with pytest.raises(Exit):
        stage.run("deploy")
    assert stage.app.ci.annotations == [(6, "It failed; 0.1.29-dev is serving")]
    assert stage.app.ci.advised == ["Look"]


def test_an_interrupted_step_leaves_its_exit_code_in_the_run(stage: Stage) -> None:
    stage.ends = KeyboardInterrupt()
    with pytest.raises(Exit) as ended:
        stage.run("publish")
    assert ended.value.code == 130
    assert stage.app.ci.annotations == [(130, "Interrupted")]


def test_a_healthy_deployment_is_announced_and_a_question_is_not(stage: Stage) -> None:
    stage.ends = SimpleNamespace(announcement=f"{V} is healthy on dev")
    stage.run("deploy")
    stage.run("status")
    assert stage.app.ci.annotations == [(0, f"{V} is healthy on dev")]


# -- old spellings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "new", "taken"),
    [
        (
            "deploy --heal --env dev --wait 10m",
            "heal",
            {"env": "dev", "wait": "10m", "automatic": False, "dry_run": False},
        ),
        ("deploy --resume --dry-run", "resume", {"env": "", "wait": "", "dry_run": True}),
        (f"tag --undo --version {V}", "tag-undo", {"version": V, "yes": False, "dry_run": False}),
    ],
)
def test_a_switch_that_became_a_task_runs_it_and_says_so(
    line: str, new: str, taken: dict[str, object], stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    program.run(f"tagship {line}", exit=False)
    assert stage.called == [(new.replace("-", "_"), taken)]
    assert capsys.readouterr().err == f"warning: {line.split()[1]} is a task of its own now: inv {new}\n"


@pytest.mark.parametrize("line", ["status --watch --env dev", "watch --env dev"])
def test_a_second_name_of_a_task_runs_it_and_says_nothing(
    line: str, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    program.run(f"tagship {line}", exit=False)
    taken = {"env": "dev", "every": "30s", "rounds": 0, "heal": False, "most": 3}
    assert stage.called == [("watch", taken)]
    assert capsys.readouterr().err == ""


def test_a_second_name_of_a_task_takes_what_that_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as ended:
        TASKS["status"].body(None, watch=True, check=True)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "--watch is a task of its own, and takes no --check.\n" in said
    assert "inv watch --help" in said


# -- the Makefile ------------------------------------------------------------------------------------------------------

NOT_TYPED = {"validate", "build", "bundle", "publish", "notify", "infra.apply", "infra.lock", "infra.unlock", "setup"}
NOT_TYPED |= {"preview.close", "preview.sweep", "infra.plan"}
NOT_TYPED |= {"init", "pin", "resign"}  # once in a repository's life, or a key's
TARGET = re.compile(r"^([a-z-]+): setup ; (.*)$", re.MULTILINE)


@pytest.mark.parametrize("task", sorted(ns.task_names))
def test_every_task_has_help_that_names_each_of_its_flags(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        program.run(["tagship", task, "--help"])
    assert not end.value.code
    said = capsys.readouterr().out
    assert [flag.name for flag in ns[task].flags if f"--{flag.name}" not in said.replace("[no-]", "")] == []


def test_a_make_target_is_one_line_of_one_verb() -> None:
    makefile = (TOP / "Makefile").read_text("utf-8")
    recipes = dict(TARGET.findall(makefile))
    verbs = {name: recipe for name, recipe in recipes.items() if "$(INV)" in recipe}
    assert set(recipes) - set(verbs) == {
        "test",
        "picture",
        "test-journeys",
        "test-package",
        "test-program",
        "test-attacks",
        "audit",
        "test-cases",
        "test-host",
        "test-terraform",
        "test-faults",
        "test-cleanup",
        "lint",
        "bench",
        "bench-faults",
        "bench-host",
        "bench-targets",
        "bench-shell",
        "test-permissions",
        "test-pipelines",
        "test-kinds",
        "test-docs",
    }
    assert set(verbs) == set(TASKS) - NOT_TYPED
    for name, recipe in verbs.items():
        assert re.match(rf"@\$\(INV\) {name}\b", recipe), recipe
        assert name in TASKS
        assert "&&" not in recipe
        assert ";" not in recipe


def test_the_phony_targets_are_the_targets_there_are() -> None:
    makefile = (TOP / "Makefile").read_text("utf-8")
    phony = {name for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE) for name in line.split()}
    assert phony == {"help", "setup"} | {name for name, _ in TARGET.findall(makefile)}


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """Run make with an `inv` that prints what it is given, on a Makefile whose setup is done.

    What `make test ARGS=…` was given is no word of its own: make hands it down in MAKEFLAGS.
    """
    command = ["make", "--no-print-directory", "-o", ".venv/.installed", "-o", "setup", "INV=printf '[%s]'", *words]
    outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.starts("make")
@pytest.mark.parametrize(
    ("words", "ran"),
    [
        (["rollback", "TO=0.1.29-dev"], "[rollback][--to][0.1.29-dev]"),
        (["rollback", "TO="], "[rollback][--to][]"),
        (["rollback", "TO=$(whoami)"], "[rollback][--to][]"),
        (["rollback"], "[rollback]"),
        (["tag", "SUFFIX="], "[tag][--suffix][]"),
        (["tag", "SUFFIX=dev", "ARGS=--yes --first"], "[tag][--suffix][dev][--yes][--first]"),
        (["heal"], "[heal]"),
    ],
)
def test_make_gives_a_variable_as_its_flag_even_an_empty_one(words: list[str], ran: str) -> None:
    assert make(*words).stdout == ran


@pytest.mark.starts("make")
@pytest.mark.parametrize("words", [["rollback", "--to", "0.1.28-dev"], ["--to", "rollback", "0.1.28-dev"]])
def test_make_refuses_to_take_to_for_touch(words: list[str]) -> None:
    ended = make(*words)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "make took --to for its own --touch" in ended.stderr
    assert " next: make rollback TO=0.1.28-dev" in ended.stderr


@pytest.mark.starts("make")
def test_make_help_names_every_target_of_a_verb() -> None:
    shown = make("help").stdout
    named = re.findall(r"^  make ([a-z-]+) ", shown, re.MULTILINE)
    assert set(TASKS) - NOT_TYPED <= set(named)
    assert named[0] == "setup"
    assert max(map(len, shown.splitlines())) <= 80


def test_a_first_make_says_what_it_installs_before_pip_is_silent() -> None:
    makefile = (TOP / "Makefile").read_text("utf-8")
    assert makefile.index("this takes a minute or two") < makefile.index("pip install --quiet")


@pytest.mark.parametrize(
    ("problem", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 8, "This machine says: No space left on device: /x"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 8, "This machine says: Permission denied: /x"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), 8, "This machine says: No such file: /x"),
        (KeyError("x"), 1, "tagship itself failed: KeyError: 'x'"),
    ],
)
def test_what_no_workflow_expected_is_three_lines_too(
    problem: Exception, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @command()
    def falls() -> None:
        """Fail."""
        raise problem

    with pytest.raises(Exit) as ended:
        falls.body(None)
    assert ended.value.code == code
    what, now, following = capsys.readouterr().err.splitlines()
    assert what == f"error: {words}"
    assert now == "  now: unknown; look before you act: inv status"
    assert following.startswith(" next: ")


@pytest.mark.parametrize(
    ("remedy", "typed", "printed"),
    [
        ("Run the same command again", "deploy --yes", "Run the same command again: inv deploy --yes"),
        (
            "Set the clock, then run the same command again",
            "lock",
            "Set the clock, then run the same command again: inv lock",
        ),
        (
            "Name one: --env dev",
            "heal --wait 10m",
            "Name one: inv heal --wait 10m --env dev",
        ),
        (
            "Name it: --to 0.1.2-dev --env qa",
            "rollback --version=x --env dev --yes",
            "Name it: inv rollback --yes --to 0.1.2-dev --env qa",
        ),
        ("Wait ten minutes: --wait 10m", "heal --wait soon", "Wait ten minutes: inv heal --wait 10m"),
        ("Say so: git tag --sign", "tag", "Say so: git tag --sign"),
        ("Run the same command again: inv build", "deploy", "Run the same command again: inv build"),
        ("Run the same command again", f"freeze --reason {'x' * 400}", "Run the same command again"),
    ],
)
def test_a_remedy_to_run_again_says_what(
    remedy: str, typed: str, printed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @command()
    def falls() -> None:
        """Fail."""
        raise ServiceFailed("AWS does not answer.", remedy=remedy)

    monkeypatch.setattr(sys, "argv", ["inv", *typed.split()])
    with pytest.raises(Exit):
        falls.body(None)
    assert capsys.readouterr().err.splitlines()[-1] == f" next: {printed}"


@pytest.mark.parametrize("switch", ["heal", "resume"])
@pytest.mark.parametrize("more", [{"artifact": V}, {"allow_older": True}, {"allow_bad": True}])
def test_a_switch_that_became_a_task_takes_no_more_than_that_task(
    switch: str, more: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exit) as ended:
        TASKS["deploy"].body(None, **{switch: True}, **more)
    assert ended.value.code == 2
    assert f"--{switch} is a task of its own now, and takes no --" in capsys.readouterr().err


def test_heal_and_resume_are_two_things(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as ended:
        TASKS["deploy"].body(None, heal=True, resume=True)
    assert ended.value.code == 2
    assert "takes no --resume" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["setup", "infra.apply"])
def test_what_a_result_calls_outputs_is_not_taken_for_cis(task: str, stage: Stage) -> None:
    """`setup` and `infra` have outputs of stacks and tools; a result that has some for CI says so by another name."""
    stage.ends = SimpleNamespace(outputs={"stack": {"Key": "value"}}, as_data=dict)
    stage.run(task)
    assert [module for module, _ in stage.called] == [task.replace(".", "_")]


def test_a_result_gives_ci_what_it_has_for_it(stage: Stage) -> None:
    stage.app.ci = ci = FakeCi(tag="0.1.30-dev")
    stage.ends = SimpleNamespace(ci_outputs=lambda _app: {"artifact": "0.1.30-dev"}, as_data=dict)
    stage.run("deploy")
    assert ci.outputs == {"artifact": "0.1.30-dev"}


@pytest.mark.parametrize(
    ("called", "programs", "remedy"),
    [
        ("/usr/bin/inv", ["inv"], "Then: inv deploy --env inv"),
        (".venv/bin/inv", [], "Then: .venv/bin/inv deploy --env inv"),
        ("/x/tagship", ["tagship", "inv"], "Then: inv deploy --env inv"),
        ("/x/tagship", ["tagship"], "Then: tagship deploy --env inv"),
        ("../my venv/tagship", [], "Then: '../my venv/tagship' deploy --env inv"),
    ],
)
def test_a_remedy_calls_tagship_as_it_can_be_called_here(
    called: str, programs: list[str], remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in programs:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [called])
    said = three_lines(ServiceFailed("It failed.", remedy="Then: inv deploy --env inv"))
    assert said.splitlines()[-1] == f" next: {remedy}"


def test_a_command_to_look_by_is_spelled_as_a_remedy_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", ["../venv/tagship"])
    said = three_lines(ServiceFailed("It failed.", state="unknown; look: inv status", remedy="Look."))
    assert said.splitlines()[1] == "  now: unknown; look: ../venv/tagship status"


def test_output_that_is_lost_is_no_success_and_says_how_far_it_came(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk of the log is full: what the verb did is done, CI hears of that, and the exit code is not 0."""
    stage.ends = SimpleNamespace(announcement=f"{V} is healthy on dev")
    stage.app.screen.lost = "No space left on device"
    with pytest.raises(Exit) as ended:
        stage.run("deploy")
    assert ended.value.code == 8
    assert stage.app.ci.annotations == [(0, f"{V} is healthy on dev")]
    assert capsys.readouterr().err.splitlines() == [
        "error: The output can't be written, and some of it is lost: No space left on device.",
        f"  now: {V} is healthy on dev.",
        " next: Make room there; then look: inv status",
    ]
