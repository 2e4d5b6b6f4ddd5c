"""Published actions are simulated by name, version and input; local ones are read; anything else is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.lint import generated
from tagship.sandbox.actions import composite, known, programs, uses
from tagship.sandbox.actions.contexts import Place
from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.records import RunRecord
from tagship.sandbox.actions.workflow import Job, Step, parse

TOP = Path(__file__).parents[2]
RUN = RunRecord(1, 1, "w", "w.yml", "refs/tags/0.1.0-dev", "0.1.0-dev", "c0ffee", "t")
PINNED = "3d3c42e5aac5ba805825da76410c181273ba90b1"
OTHER = "0" * 40


def job(line: str, permissions: str = "") -> Job:
    return parse("w.yml", f"on: push\n{permissions}jobs:\n  a:\n    steps:\n      - {line}\n").jobs["a"]


def step(line: str) -> Step:
    return job(line).steps[0]


@pytest.mark.parametrize(
    "ref",
    [
        "v7", "v4", "v7.0.1", PINNED, f"{PINNED} # v7.0.1", f"{PINNED} # v7", f"{OTHER} # v6.1.0",
    ],
)  # fmt: skip
def test_an_action_is_known_by_its_tag_its_commit_or_the_comment_behind_that(ref: str) -> None:
    assert known.action_of(step(f"uses: actions/checkout@{ref}")).name == "actions/checkout"


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("v3", "knows v4 to v7 of it"),
        ("v8", "knows v4 to v7 of it"),
        ("main", "nothing says which version that is"),
        (OTHER, "nothing says which version that is"),
        (f"{OTHER} # v9.0.0", "knows v4 to v7 of it"),
        (f"{PINNED} # v6.0.0", "is v7.0.1, and the comment behind it says v6.0.0"),
        ("5fda3b95a4ea91299a34e894583c3862153e4b97", "that commit is actions/setup-python's"),
    ],
)
def test_another_version_is_an_error_that_names_those_it_knows(ref: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        known.action_of(step(f"uses: actions/checkout@{ref}"))


def test_an_action_that_is_not_known_and_an_input_that_is_not_are_errors() -> None:
    with pytest.raises(NotUnderstood, match="does not know the action acme/deploy@v1, and passes over none"):
        known.action_of(step("uses: acme/deploy@v1"))
    with pytest.raises(NotUnderstood, match="the input 'submodules' is not simulated"):
        known.action_of(step("{uses: actions/checkout@v7, with: {submodules: true}}"))


def test_every_action_that_a_tag_starts_in_ours_and_in_generated_workflows_is_known() -> None:
    texts = [
        (TOP / ".github/workflows/deploy-dev.yml").read_text(),
        (TOP / ".github/actions/setup/action.yml").read_text(),
    ]
    texts += [content.decode() for _, content in generated.files()]
    steps = [step for text in texts for step in used(text)]
    assert len(steps) > 20
    assert all(known.action_of(step).versions for step in steps if not step.uses.startswith("./"))


def used(text: str) -> list[Step]:
    """The steps of a workflow or of an action that use one."""
    if "\njobs:" in text:
        return [step for job in parse("w.yml", text).jobs.values() for step in job.steps if step.uses]
    lines = "\n".join(f"    {line}" for line in text.partition("  steps:\n")[2].splitlines())
    wrapped = f"on: push\njobs:\n  a:\n    steps:\n{lines}\n"
    return [step for step in parse("w.yml", wrapped).jobs["a"].steps if step.uses]


# -- what they do ------------------------------------------------------------------------------------------------------


def use(line: str, folder: Path, permissions: str = "") -> str:
    """Do one step; what its log says."""
    sandbox = folder / ".tagship/sandbox"
    made = job(line, permissions)
    ground = uses.Ground(
        Place(sandbox / "runs/1", folder / "origin.git", "sandbox/tiny", "http://x"), RUN, made, folder / "a"
    )
    ground.workspace.mkdir(parents=True)
    uses.use(made.steps[0], ground, folder / "log")
    return (folder / "log").read_text("utf-8")


LOGIN = "{uses: aws-actions/configure-aws-credentials@v6, with: {aws-region: eu-west-1, role-to-assume: arn}}"


def test_a_role_is_assumed_by_a_job_that_may_ask_for_an_identity(tmp_path: Path) -> None:
    assert "no role is assumed" in use(LOGIN, tmp_path, "permissions: {id-token: write}\n")


@pytest.mark.parametrize("permissions", ["", "permissions: {}\n", "permissions: read-all\n"])
def test_without_the_permission_it_fails_as_on_github(permissions: str, tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="Credentials could not be loaded"):
        use(LOGIN, tmp_path, permissions)


def test_a_region_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="not supplied: aws-region"):
        use("uses: aws-actions/configure-aws-credentials@v6", tmp_path)


@pytest.mark.parametrize(
    "name", ["docker/login-action@v3", "docker/setup-buildx-action@v3", "aws-actions/amazon-ecr-login@v2"]
)
def test_what_prepares_a_registry_has_nothing_to_do_here(name: str, tmp_path: Path) -> None:
    assert "needs no login" in use(f"uses: {name}", tmp_path)


def test_a_program_of_this_machine_stands_for_the_version_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "uses: hashicorp/setup-terraform@v4\n        with:\n          terraform_version: 1.11.4"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotUnderstood, match="this machine has no terraform"):
        use(line, tmp_path / "without")
    program = tmp_path / "terraform"
    program.write_text("#!/bin/sh\necho 'Terraform v1.10.0'\necho 'Your version is out of date'\n", "utf-8")
    program.chmod(0o755)
    assert "terraform v1.10.0 of this machine stands for 1.11.4" in use(line, tmp_path / "with")


def test_a_cache_is_always_missed(tmp_path: Path) -> None:
    assert "cache miss" in use("{uses: actions/cache@v4, with: {path: x, key: y}}", tmp_path)


def test_what_builds_an_image_is_no_known_action(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="does not know the action docker/build-push-action"):
        use("uses: docker/build-push-action@v6", tmp_path)


# -- local actions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("runs: {using: node20, main: x.js}", "runs.using is 'node20'"),
        ("runs: {using: composite, steps: [{run: 'true'}]}", "Required property is missing: shell"),
        ("runs: {using: composite, steps: [{shell: bash}]}", "either `run` or `uses`"),
        ("name: nothing", "runs.using is None"),
    ],
)
def test_a_local_action_of_another_kind_is_an_error(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "action.yml").write_text(text, "utf-8")
    with pytest.raises(NotUnderstood, match=why):
        composite.read(tmp_path, "./a", "2")


def test_ours_and_the_generated_one_are_read(tmp_path: Path) -> None:
    (tmp_path / "action.yml").write_bytes(dict(generated.files())[".github/actions/tagship/action.yml"])
    for folder in (TOP / ".github/actions/setup", tmp_path):
        made = composite.read(folder, "./a", "2")
        assert [step.key for step in made.steps] == ["2.1", "2.2", "2.3"]
        assert made.steps[0].version == "v7.0.0"
    assert composite.read(TOP / ".github/actions/setup", "./a", "2").defaults == {"python-version": "3.12"}


def test_a_run_finds_this_machines_programs_and_no_tagship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("env/pyvenv.cfg", "env/bin/tagship", "home/bin/tagship", "home/bin/tool", "usr/bin/other"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / name) for name in ("env/bin", "home/bin", "usr/bin")))
    first, second = programs.path(tmp_path / "links")
    assert [path.name for path in Path(first).iterdir()] == ["tool"]
    assert second == str(tmp_path / "usr/bin")
