"""The SSM document `tagship-deploy`: an order as its parameters, and stage 1 of the host program inlined in it.

Values reach the host's shell as single-quoted arguments and nowhere else. Where the document is not installed,
AWS-RunShellScript takes the same lines with the values quoted here.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from tagship.domain.ec2.order import Order
from tagship.errors import UsageError

ENTRY = "@entry@"  # the line of the template that stage 1 replaces
END = "TAGSHIP_ENTRY"
# Not `bash -s`: that reads a pipe byte by byte, to leave the rest to what it starts: 10 ms of every rollback.
_BASH = "exec bash -c '. /dev/stdin' /dev/stdin"
_PIN = """. /dev/stdin
outcome=refused
if said=$(pin "$@" 2>&1); then outcome=unchanged; fi
quoted "$said"
printf '{"tagship":1,"action":"pin","outcome":"%s","reason":"%s"}\\n' $outcome "$REPLY"
"""
LIMIT = 64 * 1024  # bytes, a document with its run-time parameters (Systems Manager's quota)
PARAMETERS = 2 * 1024  # bytes kept free for them

_NAMES = {  # of the document, in the order of stage 1's arguments: the field of the order
    "action": "action",
    "app": "app",
    "environment": "environment",
    "artifact": "artifact_id",
    "manifestSha256": "manifest_sha256",
    "deployment": "deployment_id",
    "fence": "fence",
    "bucket": "bucket",
    "region": "region",
    "unsigned": "unsigned",
    "numbers": "numbers",
    "executionTimeout": "timeout",
}
_OPTIONAL = frozenset({"artifact", "manifestSha256", "deployment", "numbers"})
assert set(_NAMES.values()) == {field.name for field in fields(Order)}  # noqa: S101  # a new field must travel


def for_status(name: str) -> str:
    """Name the document that asks hosts and can change nothing."""
    # A policy of IAM allows a document, whatever the parameters that it is sent with.
    return f"{name}-status"


def render(template: str, entry: str, actions: Sequence[str] = ()) -> str:
    """Render the document: the template's JSON with stage 1 in it.

    `actions` are all that it takes; the template's own if there are none. Raises UsageError if it would not arrive
    whole.
    """
    document: dict[str, Any] = json.loads(template)
    if actions:
        document["parameters"]["action"] |= {
            "allowedValues": list(actions),
            "allowedPattern": f"^({'|'.join(actions)})$",
        }
    lines = _lines(entry)
    for step in document["mainSteps"]:
        commands: list[str] = step["inputs"]["runCommand"]
        step["inputs"]["runCommand"] = [
            line for command in commands for line in (lines if command == ENTRY else [command])
        ]
    text = json.dumps(document, indent=1, ensure_ascii=True)
    size = len(text.encode())
    if size > LIMIT - PARAMETERS:
        raise UsageError(
            f"The SSM document has {size} bytes, and {LIMIT - PARAMETERS} is the most.",
            remedy="Shorten deploy/host/entry.sh: what comes after verification belongs in deploy/ec2_deploy.sh",
        )
    return text + "\n"


def _lines(entry: str) -> list[str]:
    """Split stage 1 into lines. Raises UsageError if SSM would change it."""
    # Systems Manager interpolates `{{`, and the end's own line would cut it short.
    lines = entry.rstrip("\n").split("\n")
    if "{{" in entry or END in lines:
        raise UsageError(
            f"Stage 1 does not fit into an SSM document: it has {{{{ or a line {END}.",
            remedy="Write it another way in deploy/host/entry.sh",
        )
    return lines


def parameters(order: Order) -> dict[str, list[str]]:
    """Return SendCommand's parameters; `none` stands for an empty value."""
    values = {name: str(getattr(order, field)) for name, field in _NAMES.items()}
    return {name: ["none" if name in _OPTIONAL and not value else value] for name, value in values.items()}


def pin_commands(
    app: str, environment: str, keys: str, revoked: Sequence[str], entry: str, *, attested: bool = False
) -> list[str]:
    """Write lines for AWS-RunShellScript that pin keys on a host.

    Where `attested`, it requires provenance from then on. Stage 1 has the words; the host answers with a verdict.
    """
    values = [app, environment, keys, " ".join(revoked), "true" if attested else "false"]
    arguments = " ".join(shlex.quote(value) for value in values)
    return ["set -eu", f"exec bash -c {shlex.quote(_PIN)} pin {arguments} <<'{END}'", *_lines(entry), END]


def fallback_commands(order: Order, entry: str) -> list[str]:
    """Write the same run as lines for AWS-RunShellScript, whatever the values."""
    # It takes executionTimeout beside them.
    values = [value for name, [value] in parameters(order).items() if name != "executionTimeout"]
    arguments = " ".join(_quoted(value) for value in values)
    return ["set -eu", f"{_BASH} {arguments} <<'{END}'", *_lines(entry), END]


def _quoted(value: str) -> str:
    """Quote one shell word."""
    # `{{` is broken up, or Systems Manager would put a stored parameter in its place.
    return re.sub(r"\{(?=\{)", "{''", shlex.quote(value))
