"""Write docs/reference anew: a page a verb, and a page a key of tagship.toml: `python -m scripts.reference`.

What verbs take is read from the tasks, what they do from their docstrings, keys from the sample settings, which a test
holds to the model. tests/unit/test_reference.py fails if a page is not as it would be written.
"""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any

from scripts import settings_reference
from tagship.errors import EXIT_CODES
from tagship.tasks import ns
from tagship.tasks.flags import Flag

TOP = Path(__file__).parents[1]
PLACE, SAMPLE = TOP / "docs/reference", TOP / "docs/tagship.sample.toml"
SCHEMA = TOP / "docs/tagship.schema.json"
PLAYED = {"sandbox", "demo"}  # tasks without a file in verbs/
HEAD = "<!-- Written by `python -m scripts.reference`: change the code, and run it. -->\n"


def pages() -> dict[str, str]:
    """Every page, by its path below docs/reference."""
    verbs = {name: _verb(name, task) for name, task in _tasks().items()}
    return {
        "verbs/index.md": _index(),
        **{f"verbs/{name}.md": text for name, text in verbs.items()},
        **settings_reference.pages(SAMPLE.read_text("utf-8"), json.loads(SCHEMA.read_text("utf-8")), HEAD),
        "exit-codes.md": _exit_codes(),
    }


def _tasks() -> dict[str, Any]:
    return {name: ns[name] for name in sorted(ns.task_names)}


def _index() -> str:
    rows = "\n".join(f"| [`{name}`]({name}.md) | {_cell(_first(task))} |" for name, task in _tasks().items())
    return f"{HEAD}# Verbs\n\n| verb | what it does |\n|---|---|\n{rows}\n"


def _verb(name: str, task: Any) -> str:
    more = _more(name)
    flags = "\n".join(_flag(flag) for flag in task.flags if flag.lasting or not flag.becomes)
    table = f"\n| flag | default | what it is for |\n|---|---|---|\n{flags}\n" if flags else ""
    body = f"{HEAD}# inv {name}\n\n{_first(task)}\n" + (f"\n{more}\n" if more else "")
    return f"{body}{table}\nWhat it exits with: [exit codes](../exit-codes.md). All verbs: [verbs](index.md).\n"


def _first(task: Any) -> str:
    return str(task.__doc__ or "").splitlines()[0]


def _more(name: str) -> str:
    """What the verb's own docstring says below its first line."""
    module = name.replace("-", "_").replace(".", "_")
    module = f"{module}_" if iskeyword(module) else module
    if name in PLAYED:
        return ""
    function = getattr(import_module(f"tagship.verbs.{module}"), module)
    return inspect.cleandoc(function.__doc__ or "").partition("\n")[2].strip()


def _flag(flag: Flag) -> str:
    spelled = f"`{flag.name}`, by its place" if flag.positional else f"`--{flag.name}`"
    old = "".join(f", `--{name}`" for name in flag.old)
    many = "; may be repeated" if flag.many else ""
    return f"| {spelled}{old} | {_default(flag)} | {_cell(flag.help)}{many} |"


def _default(flag: Flag) -> str:
    if isinstance(flag.default, bool):
        return f"on; off: `--no-{flag.name}`" if flag.default else "off"
    return f"`{flag.default}`" if flag.default != "" else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _exit_codes() -> str:
    rows = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    make = "make turns every failure into its own exit 2: scripts call `inv`."
    return f"{HEAD}# Exit codes\n\n| code | meaning |\n|---|---|\n{rows}\n\n{make}\n"


def main() -> None:
    """Write them, and take away the page of a verb that is gone."""
    written = pages()
    for old in PLACE.rglob("*.md"):
        if old.relative_to(PLACE).as_posix() not in written:
            old.unlink()
    for name, text in written.items():
        (PLACE / name).parent.mkdir(parents=True, exist_ok=True)
        (PLACE / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
