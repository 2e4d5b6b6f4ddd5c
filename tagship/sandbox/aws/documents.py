"""SSM command documents: checks the parameters that were sent, and makes the script that a host runs. No I/O.

Follows the Systems Manager User Guide, "Data elements and parameters"
(https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-syntax-data-elements-parameters.html), for
schema 2.2: defaults, allowed values, allowed patterns, lengths, and `{{ name }}` interpolation, which is plain text and
quotes nothing. Does not model: other schemas, several steps, other plugins and interpolationType, which are refused;
preconditions and `{{ ssm:… }}`, which are left as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tagship.sandbox.hosts.machines import Script

Values = Mapping[str, Sequence[str]]

MAX_BYTES = 64 * 1024  # of a document with its run-time parameters
DEFAULT_TIMEOUT = 3600  # seconds; also what a value out of range becomes
TIMEOUTS = range(5, 172_801)
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")

RUN_SHELL_SCRIPT: dict[str, Any] = {
    "schemaVersion": "2.2",
    "description": "Run a shell script.",
    "parameters": {
        "commands": {"type": "StringList", "minItems": 1},
        "workingDirectory": {"type": "String", "default": "", "maxChars": 4096},
        "executionTimeout": {"type": "String", "default": "3600", "allowedPattern": "^[0-9]{1,6}$"},
    },
    "mainSteps": [
        {
            "action": "aws:runShellScript",
            "name": "runShellScript",
            "inputs": {
                "timeoutSeconds": "{{ executionTimeout }}",
                "runCommand": "{{ commands }}",
                "workingDirectory": "{{ workingDirectory }}",
            },
        }
    ],
}


class Invalid(Exception):
    """What SSM refuses, with the code that it answers."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def script(document: Mapping[str, Any], given: Values, default_timeout: int = DEFAULT_TIMEOUT) -> Script:
    """Make the script of a document with these parameters. Raises Invalid."""
    size = len(json.dumps(document)) + len(json.dumps(dict(given)))
    if size > MAX_BYTES:
        raise Invalid(
            "MaxDocumentSizeExceeded", f"The document and its parameters are {size} bytes; 65536 are allowed."
        )
    values = parameters(document.get("parameters") or {}, given)
    step = _only_step(document)
    inputs = step["inputs"]
    seconds = _text(str(inputs.get("timeoutSeconds", default_timeout)), values)
    timeout = int(seconds) if seconds.isascii() and seconds.isdigit() else DEFAULT_TIMEOUT
    return Script(
        text="\n".join(_lines(inputs["runCommand"], values)) + "\n",
        folder=_text(str(inputs.get("workingDirectory", "")), values),
        timeout=timeout if timeout in TIMEOUTS else DEFAULT_TIMEOUT,
        step=str(step["name"]),
    )


def parameters(declared: Mapping[str, Mapping[str, Any]], given: Values) -> dict[str, list[str]]:
    """Return every parameter's value, checked against its declaration. Raises Invalid."""
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise _refused(f"The document has no parameter {', '.join(unknown)}.")
    return {name: _checked(name, rule, given.get(name)) for name, rule in declared.items()}


def _checked(name: str, rule: Mapping[str, Any], given: Sequence[str] | None) -> list[str]:
    if "interpolationType" in rule:
        raise Invalid("InvalidDocument", f"The sandbox does not simulate interpolationType, which {name} asks for.")
    if given is None:
        if "default" not in rule:
            raise _refused(f"The parameter {name} is required and was not given.")
        given = rule["default"] if isinstance(rule["default"], list) else [str(rule["default"])]
    values = [given] if isinstance(given, str) else [str(value) for value in given]
    _count(name, rule, values)
    for value in values:
        _value(name, rule, value)
    return values


def _count(name: str, rule: Mapping[str, Any], values: Sequence[str]) -> None:
    if rule.get("type") == "StringList":
        if not rule.get("minItems", 0) <= len(values) <= rule.get("maxItems", len(values)):
            raise _refused(f"The parameter {name} has {len(values)} items, which its declaration does not allow.")
    elif len(values) != 1:
        raise _refused(f"The parameter {name} takes one value; {len(values)} were given.")


def _value(name: str, rule: Mapping[str, Any], value: str) -> None:
    if not rule.get("minChars", 0) <= len(value) <= rule.get("maxChars", len(value)):
        raise _refused(f"The parameter {name} has {len(value)} characters, which its declaration does not allow.")
    if "allowedValues" in rule and value not in [str(allowed) for allowed in rule["allowedValues"]]:
        raise _refused(f"The value {value!r} of {name} is not one of the allowed values.")
    if "allowedPattern" in rule and not _matches(rule["allowedPattern"], value):
        raise _refused(f"The value {value!r} of {name} does not match the pattern {rule['allowedPattern']}.")


def _matches(pattern: str, value: str) -> bool:
    """Search for a pattern: one without anchors allows more than it seems.

    `$` means the very end, as for the agent (Go); Python's would let a newline follow.
    """
    return re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), value) is not None


def _only_step(document: Mapping[str, Any]) -> Mapping[str, Any]:
    steps = document.get("mainSteps") or []
    if document.get("schemaVersion") != "2.2" or [step.get("action") for step in steps] != ["aws:runShellScript"]:
        raise Invalid("InvalidDocument", "The sandbox runs documents of schema 2.2 with one aws:runShellScript step.")
    step: Mapping[str, Any] = steps[0]
    return step


def _lines(command: str | Sequence[str], values: Values) -> list[str]:
    """Interpolate runCommand's lines."""
    # A line that is nothing but a StringList's placeholder becomes that list.
    lines: list[str] = []
    for line in [command] if isinstance(command, str) else command:
        whole = PLACEHOLDER.fullmatch(line.strip())
        if whole and len(values.get(whole[1], [])) != 1:
            lines.extend(values.get(whole[1], [line]))
        else:
            lines.append(_text(line, values))
    return lines


def _text(template: str, values: Values) -> str:
    """Put values where `{{ name }}` stands."""
    # As they are; a name that is no parameter stays as it was written.
    return PLACEHOLDER.sub(lambda match: "\n".join(values[match[1]]) if match[1] in values else match[0], template)


def _refused(message: str) -> Invalid:
    return Invalid("InvalidParameters", message)
