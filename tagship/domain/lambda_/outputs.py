"""What infrastructure's tool says that it made, as functions are given it: a JSON file of any tool's outputs.

`cdk deploy --outputs-file` writes {stack: {name: value}}, and `terraform output -json` {name: {"value": value}}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def chosen(raw: bytes, places: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Read the variables at their dotted places; also return what is wrong.

    A value that is no text is written as JSON. One that is empty, or that Terraform calls sensitive, is a problem.
    """
    try:
        value = json.loads(raw)
    except ValueError:
        return {}, ["it is not JSON"]
    values, problems = dict[str, str](), list[str]()
    for variable, place in sorted(places.items()):
        output = _at(value, place)
        if isinstance(output, Mapping) and output.get("sensitive") is True:
            problems.append(f"{place} is sensitive: a function reads its secrets itself")
            continue
        if isinstance(output, Mapping) and "value" in output:
            output = output["value"]
        if output is None or output == "":
            problems.append(f"{place} is {'empty' if output == '' else 'not in it'}")
        else:
            values[variable] = output if isinstance(output, str) else json.dumps(output)
    return values, problems


def _at(value: Any, place: str) -> Any:
    for name in place.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
