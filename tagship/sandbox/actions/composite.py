"""Local actions: what `uses: ./…` runs, read from the checkout as GitHub reads it.

https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax: those that are composite are simulated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.workflow import Step, Whole, load, read_step, versions

FILES = ("action.yml", "action.yaml", "Dockerfile")


@dataclass(frozen=True)
class Composite:
    """An action that is made of steps."""

    folder: Path
    defaults: Mapping[str, str]  # of its inputs
    outputs: Mapping[str, str]  # expressions
    steps: Sequence[Step]


def read(folder: Path, uses: str, part: str) -> Composite:
    """Read the action in `folder`; `part` begins its files' names.

    Raises NotUnderstood if there is none, or one of another kind.
    """
    text = _text(folder)
    value = load(text)
    runs = _mapping(value.get("runs"))
    if runs.get("using") != "composite":
        raise NotUnderstood(f"{uses}: runs.using is {runs.get('using')!r}; the sandbox's runner knows composite")
    whole = Whole(versions=versions(text))
    steps = [read_step(uses, number, step, whole) for number, step in enumerate(runs.get("steps") or [], 1)]
    for step in steps:
        if step.run and not step.shell:
            raise NotUnderstood(f"{uses}, step {step.number}: Required property is missing: shell")
    return Composite(
        folder=folder,
        defaults=_texts(value.get("inputs"), "default"),
        outputs=_texts(value.get("outputs"), "value"),
        steps=[replace(step, part=f"{part}.{step.number}") for step in steps],
    )


def _text(folder: Path) -> str:
    """Read an action's file. Raises NotUnderstood without one."""
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        raise NotUnderstood(
            f"Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '{folder}'. "
            "Did you forget to run actions/checkout before running your local action?"
        )
    if file.name == "Dockerfile":
        raise NotUnderstood(f"{file}: an action in a container is not simulated")
    return file.read_text("utf-8")


def _texts(value: Any, key: str) -> dict[str, str]:
    return {name: str(_mapping(about).get(key, "")) for name, about in _mapping(value).items()}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
