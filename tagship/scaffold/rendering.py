"""Templates of what `init` writes, rendered."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any


def render(file: str, **values: Any) -> bytes:
    """Render a template.

    Its marks are [[ ]] and [% %]: workflows have {{ }} of their own.
    """
    text: str = _engine().get_template(f"{file}.j2").render(**values)
    return text.encode()


@functools.cache
def _engine() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    engine = Environment(
        loader=FunctionLoader(lambda name: template(name if name.endswith(".j2") else f"{name}.j2")),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  (these files are no pages)
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
    )
    engine.filters["json"] = json.dumps
    return engine


def template(name: str) -> str:
    """Read a file of tagship/templates."""
    return (files("tagship") / "templates" / name).read_text("utf-8")
