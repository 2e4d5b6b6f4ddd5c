"""What infrastructure's tool says that it made, as settings name it: {outputs.api_url}, {outputs.HelloStack.ApiUrl}.

`cdk deploy --outputs-file` writes {stack: {name: value}}, `terraform output -json` {name: {"value": value}}, `pulumi
stack output --json` {name: value}, and `inv infra` keeps those of any of them by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tagship.domain.infra import HIDDEN, read_outputs

PLACE = re.compile(r"\{outputs\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\}")
KEPT = frozenset({"artifact", "environment", "outputs"})  # the keys of what `inv infra` keeps


def named_in(value: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield each key that names an output, and its place."""
    if isinstance(value, str):
        yield from ((above, place) for place in PLACE.findall(value))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            below = f"{above}.{key}".lstrip(".")
            yield from ((below, place) for place in PLACE.findall(str(key)))
            yield from named_in(inner, below)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from named_in(inner, above)


def put(value: Any, outputs: Mapping[str, str]) -> Any:
    """Put outputs into every text; what is not known stays."""
    if isinstance(value, str):
        return PLACE.sub(lambda match: outputs.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {put(key, outputs): put(inner, outputs) for key, inner in value.items()}
    return tuple(put(inner, outputs) for inner in value) if isinstance(value, (list, tuple)) else value


def chosen(raw: bytes, places: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Read the outputs at their places; also return what is wrong.

    A value that is no text is written as JSON. One that is empty, that Terraform calls sensitive, or that a terminal
    would act on, is a problem.
    """
    try:
        value = json.loads(raw)
    except ValueError:
        return {}, ["it is not JSON"]
    if isinstance(value, dict) and value.keys() >= KEPT:
        value = value["outputs"]
    values, problems = dict[str, str](), list[str]()
    for place in sorted(set(places)):
        output = _at(value, place)
        sensitive = isinstance(output, Mapping) and output.get("sensitive") is True
        if isinstance(output, Mapping) and "value" in output:
            output = output["value"]
        sensitive = sensitive or output == HIDDEN  # as Pulumi writes a secret
        text = output if isinstance(output, str) else json.dumps(output)
        if sensitive:
            problems.append(f"{place} is sensitive: secrets don't belong in settings")
        elif output is None or not text:
            problems.append(f"{place} is {'not in it' if output is None else 'empty'}")
        elif not text.isprintable() or PLACE.search(text):
            problems.append(f"{place} is not a line of text")
        else:
            values[place] = text
    return values, problems


def _at(value: Any, place: str) -> Any:
    """Follow a dotted place; a stack's name may be left out."""
    at = value
    for name in place.split("."):
        at = at.get(name) if isinstance(at, Mapping) else None
    if at is None and isinstance(value, dict):
        try:
            by_name = read_outputs(json.dumps(value)).get(place)
        except ValueError:
            return None
        return by_name.value if by_name else None
    return at
