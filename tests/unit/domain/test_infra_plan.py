"""A Terraform plan by its names: what becomes of each resource, what of it is owned by others, and no value of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tagship.domain.infra_owned import Owned, taken_back
from tagship.domain.infra_plan import (
    PlanComment,
    PlannedChange,
    PlanSummary,
    UnreadablePlan,
    read_plan,
)

SECRET = "hunter2-and-more"


def row(address: str, *actions: str, **change: Any) -> dict[str, Any]:
    more = {key: change.pop(key) for key in ("mode", "previous_address") if key in change}
    kind = address.partition(".")[0]
    return {"address": address, "mode": "managed", "type": kind, "change": {"actions": list(actions), **change}, **more}


def plan(*rows: dict[str, Any], drift: list[dict[str, Any]] | None = None, **more: Any) -> str:
    values = {"format_version": "1.2", "resource_changes": list(rows), "resource_drift": drift or [], **more}
    return json.dumps(values)


@pytest.mark.parametrize(
    ("made", "action"),
    [
        (row("a.b", "create"), "create"),
        (row("a.b", "update"), "update"),
        (row("a.b", "delete"), "delete"),
        (row("a.b", "forget"), "forget"),
        (row("a.b", "delete", "create"), "replace"),
        (row("a.b", "create", "delete"), "replace"),
        (row("a.b", "no-op", importing={"id": "x"}), "import"),
        (row("a.b", "no-op", previous_address="a.c"), "move"),
    ],
)
def test_every_action_of_a_plan_has_its_word(made: dict[str, Any], action: str) -> None:
    assert read_plan(plan(made)).changes == (PlannedChange("a.b", "a", action),)


@pytest.mark.parametrize("made", [row("a.b", "no-op"), row("data.a.b", "read"), row("a.b", "create", mode="data")])
def test_what_changes_nothing_is_left_out(made: dict[str, Any]) -> None:
    assert read_plan(plan(made)) == PlanSummary()
    assert read_plan(plan(made)).sentence == "nothing to change"


def test_the_names_of_attributes_that_change_are_said_and_no_value_is() -> None:
    change = {
        "before": {"password": SECRET, "size": 1, "same": SECRET, "tags": {"a": SECRET}},
        "after": {"password": "other", "size": 2, "same": SECRET, "tags": {}},
        "after_unknown": {"arn": True, "nothing": False, "list": [{"x": True}], "none": [{}]},
        "before_sensitive": {"password": True},
    }
    outputs = {"url": {"actions": ["update"], "before": SECRET, "after": SECRET}, "same": {"actions": ["no-op"]}}
    text = plan(
        row("a.b", "update", **change),
        drift=[row("a.c", "update", **change)],
        output_changes=outputs,
        variables={"pw": {"value": SECRET}},
    )
    summary = read_plan(text)
    assert summary.changes[0].attributes == ("arn", "list", "password", "size", "tags")
    assert summary.outside[0].address == "a.c"
    assert summary.outputs == ("url",)
    assert summary.sentence == "1 to change, 1 output to change"
    comment = PlanComment.of("dev", "0.1.0-dev", "", summary, [])
    body = comment.body("hello", "https://github.com/acme/hello/actions/runs/7") + comment.to_json()
    assert SECRET not in body + json.dumps(summary.as_data()) + "".join(summary.lines)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", plan(row("a.b", "explode")), '{"format_version": "2.0"}', plan({"address": "a.b"})],
)
def test_what_is_no_plan_is_said_to_be_none_and_never_empty(text: str) -> None:
    with pytest.raises(UnreadablePlan):
        read_plan(text)


def test_foreign_words_are_text_in_the_comment_and_it_is_never_too_long() -> None:
    bad = 'a.b["](https://evil.example) @admin <img src=x> | # `x` -->"]'
    changes = [PlannedChange(bad, "a", "update", ("x|y", "<b>"))]
    changes += [PlannedChange(f"a.b[{'k' * 5000}{number}]", "a", "create") for number in range(500)]
    comment = PlanComment.of("dev", "0.1.0-dev", "0" * 40, PlanSummary(tuple(changes)), ["@all <x>"])
    assert PlanComment.from_json(comment.to_json()).body("hello", "") == comment.body("hello", "")
    assert len(comment.to_json()) < 100_000  # of a variable that a step is given
    body = comment.body("hello", "")
    assert body.startswith("<!-- tagship infra hello/dev -->\n")
    for words in ("https://evil", "@admin", "<img", "@all", "<b>", "](", "x|y"):
        assert words not in body
    assert "and 441 more" in body
    assert len(body) < 65_536


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.pop("counts"),
        lambda value: value.update(counts=[1]),
        lambda value: value["changes"][0].update(action="explode"),
        lambda value: value.update(changes=["x"]),
        lambda value: value.update(outputs=1),
    ],
)
def test_a_summary_that_another_job_did_not_write_so_is_refused(change: Any) -> None:
    summary = PlanSummary((PlannedChange("a.b", "a", "create"),))
    value = json.loads(PlanComment.of("dev", "", "", summary, []).to_json())
    assert PlanComment.from_json(json.dumps(value)).sentence == "1 to add"
    change(value)
    with pytest.raises(UnreadablePlan):
        PlanComment.from_json(json.dumps(value))


def test_a_change_of_what_a_deployment_sets_is_found() -> None:
    owned = {"aws_ecs_service": Owned(("task_definition",), (), ("desired_count",)),
             "aws_autoscaling_group": Owned(("launch_template[0].version",))}  # fmt: skip
    service = PlannedChange("aws_ecs_service.a", "aws_ecs_service", "update", ("tags", "task_definition"))
    group = PlannedChange("aws_autoscaling_group.a", "aws_autoscaling_group", "update", ("launch_template",))
    others = [
        PlannedChange("aws_ecs_service.b", "aws_ecs_service", "update", ("tags",)),
        PlannedChange("aws_ecs_service.c", "aws_ecs_service", "create"),
        PlannedChange("aws_s3_bucket.d", "aws_s3_bucket", "update", ("task_definition",)),
    ]
    found = list(taken_back([service, group, *others], owned))
    assert found == [(service, ("task_definition",)), (group, ("launch_template",))]
