"""Take away stacks and documents that `setup` made."""

from __future__ import annotations

from collections.abc import Callable

from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.stack_status import first_failure
from tagship.domain import aws_commands
from tagship.domain.foundation import Stack
from tagship.errors import ServiceFailed, said_to_be_done
from tagship.ports.people import Clock

WAIT = 2.0  # seconds between looks at a stack that is being deleted
LONGEST = 1800  # seconds until it is no longer waited for


def remove_stack(aws: Aws, clock: Clock, name: str, look: Callable[[str], Stack | None]) -> None:
    """Delete a stack, and wait until it is gone.

    Its protection is taken off first. Raises ServiceFailed with the first resource that could not be deleted.
    """
    cloudformation = aws.client("cloudformation")
    with aws.translated(f"deleting the stack {name}", state="This stack was not deleted."):
        described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if described.get("EnableTerminationProtection"):
            cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
        cloudformation.delete_stack(StackName=name)
    with said_to_be_done(lambda: f"CloudFormation is deleting the stack {name}."):
        _awaited(aws, clock, name, look)


def _awaited(aws: Aws, clock: Clock, name: str, look: Callable[[str], Stack | None]) -> None:
    began = clock.now()
    while (stack := look(name)) is not None:
        if stack.status == "DELETE_FAILED":
            raise _failed(aws, name, _why(aws, name))
        if (clock.now() - began).total_seconds() > LONGEST:
            raise _failed(aws, name, f"it is not done after {LONGEST // 60} min")
        clock.sleep(WAIT)


def _failed(aws: Aws, name: str, why: str) -> ServiceFailed:
    return ServiceFailed(
        f"CloudFormation could not delete the stack {name}: {why}",
        state="What it has deleted is gone; the rest of the stack is there.",
        remedy=f"Fix that, then: {aws_commands.delete_stack(name, aws.where)}",
    )


def _why(aws: Aws, name: str) -> str:
    with aws.translated(f"asking why the stack {name} was not deleted"):
        return first_failure(aws.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"])


def remove_document(aws: Aws, name: str) -> None:
    """Delete an SSM document with all its versions."""
    ssm = aws.client("ssm")
    with aws.translated(f"deleting the SSM document {name}"):
        ssm.delete_document(Name=name)
