"""The files that `init` writes, each beside what the team has: rendered, compared, and never in its place."""

from __future__ import annotations

import functools
import json
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any

from tagship.errors import SettingsError
from tagship.scaffold.answers import Blueprint
from tagship.scaffold.look import Scene
from tagship.scaffold.source import Supply
from tagship.scaffold.writing import FileChange, change
from tagship.settings import FILE

MARK = b"Written by `tagship init`"
ACTION = ".github/actions/tagship"
WORKFLOWS = ".github/workflows"
LOCK, SANDBOX_LOCK, APART = "tagship.txt", "tagship-sandbox.txt", "tagship-source.txt"
VERBS = (
    "deploy-dev", "tag", "versions", "status", "history", "why-not", "rollback", "deploy", "freeze", "thaw", "sandbox",
)  # fmt: skip
IGNORED = (".tagship/", "__pycache__/")


@dataclass
class Draft:
    """What would be written, and what the team should know of it."""

    changes: list[FileChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def draft(scene: Scene, chosen: Blueprint, source: Supply) -> Draft:
    """Render every file, and compare it with what the repository has.

    Raises SettingsError if there is a tagship.toml that cannot be read.
    """
    made = Draft()
    _settings(made, scene, chosen)
    _tasks(made, scene)
    names = _make(made, scene, source)
    _ignore(made, scene)
    _pins(made, scene, source)
    _place(made, scene, f"{ACTION}/action.yml", f"{ACTION}-setup/action.yml", _render("action.yml", apart=source.apart))
    for env, suffix in _environments(scene, chosen).items():
        _workflow(made, scene, env, suffix)
    if not (scene.root / ".env.example").exists():
        made.changes.append(change(scene.root, ".env.example", _render("env.example", app=chosen.app)))
    _say_names(made, scene, names)
    return made


def _render(file: str, **values: Any) -> bytes:
    """Render a template.

    Its marks are [[ ]] and [% %]: workflows have {{ }} of their own.
    """
    text: str = _engine().get_template(f"{file}.j2").render(**values)
    return text.encode()


@functools.cache
def _engine() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    engine = Environment(
        loader=FunctionLoader(template),
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


def _place(made: Draft, scene: Scene, path: str, beside: str, content: bytes) -> str:
    """Add a file, and return its path.

    A file of the team's is kept, and ours is put beside it. What init wrote earlier and somebody changed since is kept.
    """
    entry = change(scene.root, path, content)
    if entry.word != "change":
        made.changes.append(entry)
        return path
    if MARK in (entry.before or b""):
        made.notes.append(f"{path} differs from what init would write now; it is kept.")
        return path
    if path == beside:
        made.notes.append(f"{path} is yours too; it is kept, and nothing is written for it.")
        return path
    made.notes.append(f"{path} is yours, so tagship's is {beside}. To switch: git rm {path}")
    return _place(made, scene, beside, beside, content)


# -- each file ---------------------------------------------------------------------------------------------------------


def _settings(made: Draft, scene: Scene, chosen: Blueprint) -> None:
    if scene.settled:
        return
    values = asdict(chosen) | {
        "remote": scene.remote or "origin",
        "command": shlex.split(chosen.command),
        "include": [path for path in chosen.include.split(",") if path],
        "dockerfile": scene.dockerfile or "Dockerfile",
    }
    made.changes.append(change(scene.root, FILE, _render(FILE, **values)))


def _environments(scene: Scene, chosen: Blueprint) -> Mapping[str, str]:
    """Map each environment to its suffix; those of tagship.toml count."""
    try:
        values = tomllib.loads(scene.text(FILE))
    except tomllib.TOMLDecodeError as reason:
        raise SettingsError(f"{FILE} cannot be read: {reason}.", remedy=f"Mend it: git diff {FILE}") from reason
    tables = values.get("environments", {}) or {chosen.env: {}}
    return {name: table.get("suffix", name) for name, table in tables.items() if isinstance(table, dict)}


def _tasks(made: Draft, scene: Scene) -> None:
    if not (scene.root / "tasks.py").exists():
        made.changes.append(change(scene.root, "tasks.py", _render("tasks.py")))
    elif "tagship" not in scene.text("tasks.py"):
        made.notes.append("tasks.py is yours, so `inv` lacks tagship's verbs; the program `tagship` has them.")


def _make(made: Draft, scene: Scene, source: Supply) -> Mapping[str, str]:
    """Add tagship.mk and the Makefile's line; map each verb to its target."""
    names = {verb: f"tagship-{verb}" if verb in scene.targets else verb for verb in VERBS}
    pins = [LOCK, SANDBOX_LOCK, *([APART] if source.apart else [])]
    content = _render("tagship.mk", names=names, pins=pins, apart=source.apart)
    _place(made, scene, "tagship.mk", "tagship.mk", content)
    makefile = scene.makefile or "Makefile"
    before = (scene.root / makefile).read_bytes() if scene.makefile else b""
    if b"include tagship.mk" not in before:
        made.changes.append(change(scene.root, makefile, _with_line(before, "include tagship.mk")))
    return names


def _say_names(made: Draft, scene: Scene, names: Mapping[str, str]) -> None:
    for verb, name in names.items():
        if name != verb:
            made.notes.append(
                f"{scene.makefile} has its own {verb}, so tagship's is `make {name}`. "
                f"To switch: take {verb} out of {scene.makefile}, and rename {name} in tagship.mk"
            )


def _ignore(made: Draft, scene: Scene) -> None:
    before = (scene.root / ".gitignore").read_bytes() if (scene.root / ".gitignore").is_file() else b""
    lines = {line.strip().strip("/") for line in before.decode("utf-8", "replace").splitlines()}
    after = before
    for line in IGNORED:
        after = after if line.strip("/") in lines else _with_line(after, line)
    made.changes.append(change(scene.root, ".gitignore", after))


def _with_line(before: bytes, line: str) -> bytes:
    gap = b"" if not before or before.endswith(b"\n") else b"\n"
    return before + gap + line.encode() + b"\n"


def _pins(made: Draft, scene: Scene, source: Supply) -> None:
    """Add the requirement files and the wheel."""
    head = "# {}: installed with `pip install --require-hashes -r {}`. " + MARK.decode() + ".\n"
    base = head.format("What CI installs", LOCK) + source.line + template("requirements.txt")
    more = (
        head.format("With what the sandbox needs", SANDBOX_LOCK) + f"-r {LOCK}\n" + template("requirements-sandbox.txt")
    )
    texts = {LOCK: base, SANDBOX_LOCK: more} | ({APART: source.apart} if source.apart else {})
    for name, text in texts.items():
        _place(made, scene, name, name, text.encode())
    if source.wheel:
        made.changes.append(change(scene.root, *source.wheel))


def _workflow(made: Draft, scene: Scene, env: str, suffix: str) -> None:
    values = {"env": env, "action": ACTION, "example": f"0.1.30-{suffix}" if suffix else "1.4.0"}
    pattern = f"*-{suffix}" if suffix else "[0-9]+.[0-9]+.[0-9]+"
    name = f"deploy-{env}"
    path, beside = (f"{WORKFLOWS}/{text}.yml" for text in (name, f"tagship-{name}"))
    _place(made, scene, path, beside, _render("deploy.yml", name=name, pattern=pattern, **values))
