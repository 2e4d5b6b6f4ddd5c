"""Whether a stack can be changed, by its status, and what to do if not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tagship.domain import aws_commands, commands
from tagship.domain.aws_commands import Where
from tagship.domain.foundation import Stack
from tagship.domain.text import either
from tagship.errors import Held, Refused

USABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
UNCHANGED = "This stack was not changed."


def check_usable(stack: Stack, where: Where) -> None:
    if stack.status in USABLE:
        return
    if stack.status.endswith("IN_PROGRESS"):
        raise Held(
            f"Somebody else is changing the stack {stack.name}: its status is {stack.status}.",
            state=UNCHANGED,
            remedy=either(
                f"Wait until it is done, then: {commands.setup()}",
                f"To look: {aws_commands.stack_status(stack.name, where)}",
            ),
        )
    problem = f"The stack {stack.name} cannot be changed: its status is {stack.status}."
    raise Refused(problem, state=UNCHANGED, remedy=again(stack, where))


def first_failure(events: Sequence[Mapping[str, Any]]) -> str:
    """Name what failed first since the latest change began.

    Events come newest first, and go back to the stack's own beginning.
    """
    since = []
    for event in events:
        since.append(event)
        if event.get("ResourceStatusReason") == "User Initiated":
            break
    failed = [event for event in since if event["ResourceStatus"].endswith("_FAILED")]
    if not failed:
        return "it gave no reason"
    return f"{failed[-1]['LogicalResourceId']}: {failed[-1].get('ResourceStatusReason', 'no reason given')}"


def again(stack: Stack, where: Where) -> str:
    """Spell what makes a stack usable again."""
    if stack.status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        return f"{aws_commands.delete_stack(stack.name, where)} && {commands.setup()}"
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return f"{aws_commands.continue_stack(stack.name, where)} && {commands.setup()}"
    return commands.setup()
