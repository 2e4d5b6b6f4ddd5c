"""Workflow files and expressions, read as GitHub reads them; documents, checked as Systems Manager checks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox.actions import stepfiles, workflow
from tagship.sandbox.actions.expressions import NotUnderstood, Scope, condition, evaluate, render
from tagship.sandbox.aws import documents

CONTEXTS: dict[str, Any] = {
    "github": {"ref": "refs/tags/0.1.0-dev", "ref_name": "0.1.0-dev", "event": {"n": 1}},
    "needs": {"build": {"result": "success", "outputs": {"should-go": "true", "empty": ""}}},
    "env": {"A": "b"},
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("github.ref == 'refs/tags/0.1.0-dev'", True),
        ("github.REF == 'REFS/tags/0.1.0-DEV'", True),
        ("github.ref != 'x' && env.A == 'b'", True),
        ("needs.build.outputs.should-go == 'true' || false", True),
        ("needs['build'].outputs['should-go']", "true"),
        ("needs.nowhere.outputs.x", None),
        ("!needs.build.outputs.empty", True),
        ("!(true && false) && !false", True),
        ("env.A || 'other'", "b"),
        ("env.NONE || 'other'", "other"),
        ("env.NONE && 'other'", None),
        ("startsWith(github.ref, 'refs/tags/')", True),
        ("endsWith(github.ref_name, '-DEV')", True),
        ("contains('a,b', 'B')", True),
        ("format('{0} is {1} {{x}}', 'it''s', 3)", "it's is 3 {x}"),
        ("1 == '1'", True),
        ("true == 1", True),
        ("null == ''", True),
        ("'x' == 0", False),
        ("github.event.n == 0x1", True),
        ("true || false && false", True),
    ],
)
def test_an_expression_has_githubs_value(source: str, value: Any) -> None:
    assert evaluate(source, Scope(CONTEXTS)) == value


@pytest.mark.parametrize(
    "source",
    [
        "matrix.x",
        "hashFiles('x')",
        "github.ref = 'x'",
        "(true",
        "'open",
        "a b",
        "github.",
        "true &&",
        "format('{1}', 1)",
    ],
)
def test_an_expression_that_is_not_understood_is_an_error(source: str) -> None:
    with pytest.raises(NotUnderstood):
        evaluate(source, Scope(CONTEXTS))


@pytest.mark.parametrize(
    ("text", "state", "holds"),
    [
        ("success()", "success", True),
        ("success()", "failure", False),
        ("failure()", "failure", True),
        ("always()", "cancelled", True),
        ("cancelled()", "cancelled", True),
        ("!cancelled()", "failure", True),
        ("env.A == 'b'", "success", True),
        ("env.A == 'b'", "failure", False),
        ("${{ always() && env.A == 'b' }}", "failure", True),
        ("'always()' != ''", "failure", False),
        ("success()", "skipped", False),
    ],
)
def test_a_condition_without_a_status_holds_only_while_all_is_well(text: str, state: str, holds: bool) -> None:
    assert condition(text, Scope(CONTEXTS, state)) is holds


def test_text_is_rendered_with_every_expression_in_it() -> None:
    assert render("a ${{ env.A }}-${{ github.event.n }}${{ env.NO }}.", Scope(CONTEXTS)) == "a b-1."


@pytest.mark.parametrize(
    ("pattern", "name", "passes"),
    [
        ("*-dev", "0.1.0-dev", True),
        ("*-dev", "0.1.0-prod", False),
        ("*-dev", "a/0.1.0-dev", False),
        ("**-dev", "a/0.1.0-dev", True),
        ("[0-9]+.[0-9]+.[0-9]+-dev", "0.10.3-dev", True),
        ("[0-9]+.[0-9]+.[0-9]+-dev", "0.10.x-dev", False),
        ("v1?", "v", True),
        ("v1.0", "v1x0", False),
    ],
)
def test_a_filter_matches_as_on_github(pattern: str, name: str, passes: bool) -> None:
    assert workflow.matches(pattern, name) is passes


@pytest.mark.parametrize(
    ("push", "ref", "starts"),
    [
        ({}, "refs/tags/x", True),
        ({"branches": ["main"]}, "refs/tags/main", False),
        ({"tags": ["*"]}, "refs/heads/x", False),
        ({"tags": ["*", "!x*"]}, "refs/tags/x1", False),
        ({"tags": ["!x*", "*"]}, "refs/tags/x1", True),
        ({"tags-ignore": ["x*"]}, "refs/tags/y", True),
        ({"tags-ignore": ["x*"]}, "refs/tags/x", False),
        ({"tags": ["*"]}, "refs/notes/x", False),
    ],
)
def test_the_filters_of_a_push_decide_together(push: dict[str, Any], ref: str, starts: bool) -> None:
    assert workflow.starts(push, ref) is starts


def test_a_filter_that_is_not_simulated_is_an_error() -> None:
    with pytest.raises(NotUnderstood, match="paths"):
        workflow.starts({"paths": ["x"]}, "refs/tags/x")


@pytest.mark.parametrize("spelling", ["on: push", "on: [push, pull_request]", "on: {push: }", "'on': {push: {}}"])
def test_every_spelling_of_on_is_read(spelling: str) -> None:
    assert workflow.triggers(f"{spelling}\njobs: {{}}\n") == {}
    assert workflow.triggers("on: workflow_dispatch") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("jobs: [", "not YAML"),
        ("- a", "not a mapping"),
        ("jobs: {a: {steps: [{}]}}", "either `run` or `uses`"),
        ("jobs: {a: {uses: ./x.yml}}", "'uses' is not simulated"),
        ("jobs: {a: {container: x, steps: []}}", "'container' is not simulated"),
        ("jobs: {a: {needs: b}, b: {needs: a}}", "need each other"),
        ("concurrency: {group: a, cancel-in-progress: true}\njobs: {}", "cancel-in-progress"),
        ("jobs: {a: {continue-on-error: true, steps: []}}", "'continue-on-error' is not simulated"),
    ],
)
def test_a_file_that_is_not_understood_says_where(text: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        workflow.parse("w.yml", text)


def test_this_repositorys_own_release_workflows_are_understood() -> None:
    folder = Path(__file__).parents[2] / ".github/workflows"
    text = (folder / "deploy-dev.yml").read_text()
    parsed = workflow.parse("deploy-dev.yml", text)
    assert parsed.push is not None
    assert workflow.starts(parsed.push, "refs/tags/0.1.30-dev")
    assert not workflow.starts(parsed.push, "refs/tags/0.1.30")
    assert all(step.run or step.uses for job in parsed.jobs.values() for step in job.steps)


def test_a_steps_files_hold_plain_and_long_values() -> None:
    text = "a=1\nb<<EOF\nx\ny=<<z\nEOF\n\nc=d=e\nf=\n"
    assert stepfiles.assignments(text) == {"a": "1", "b": "x\ny=<<z", "c": "d=e", "f": ""}
    for broken in ("a\n", "b<<EOF\nx\n", "=x\n"):
        with pytest.raises(NotUnderstood):
            stepfiles.assignments(broken)


def test_a_document_of_another_kind_is_refused_and_not_half_run() -> None:
    step = {"action": "aws:runShellScript", "name": "a", "inputs": {"runCommand": ["true"]}}
    for odd in (
        {"schemaVersion": "1.2", "mainSteps": [step]},
        {"schemaVersion": "2.2", "mainSteps": [step, step]},
        {"schemaVersion": "2.2", "mainSteps": [step | {"action": "aws:runPowerShellScript"}]},
        {
            "schemaVersion": "2.2",
            "mainSteps": [step],
            "parameters": {"p": {"default": "", "interpolationType": "ENV_VAR"}},
        },
    ):
        with pytest.raises(documents.Invalid) as caught:
            documents.script(odd, {})
        assert caught.value.code == "InvalidDocument"


def test_lists_lengths_and_counts_of_parameters_are_checked() -> None:
    rules = {
        "l": {"type": "StringList", "minItems": 1, "maxItems": 2},
        "s": {"type": "String", "maxChars": 3, "default": ""},
    }
    assert documents.parameters(rules, {"l": ["a", "b"]}) == {"l": ["a", "b"], "s": [""]}
    for given in ({"l": []}, {"l": ["a"] * 3}, {"l": ["a"], "s": ["long"]}, {"l": ["a"], "s": ["a", "b"]}):
        with pytest.raises(documents.Invalid):
            documents.parameters(rules, given)
