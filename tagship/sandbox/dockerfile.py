"""Carry out in a folder what a Dockerfile says of files and of the command; see tagship.sandbox.images."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from string import Template
from tempfile import TemporaryDirectory

from tagship.errors import Refused

LEFT_OUT = (".git", ".tagship", ".venv", "node_modules")
FROM = "--from="
SILENT = {"LABEL", "EXPOSE", "USER", "HEALTHCHECK", "STOPSIGNAL", "MAINTAINER"}

Part = tuple[str, str, list[tuple[str, str]]]  # of a Dockerfile: what it begins with, its name, its lines


@dataclass(frozen=True)
class Image:
    """How an image's container starts.

    `passed_over` are the lines of its Dockerfile that were not carried out.
    """

    folder: str
    variables: Mapping[str, str]
    command: tuple[str, ...]
    passed_over: tuple[str, ...]


@dataclass
class Stage:
    """One stage of a Dockerfile, as it is carried out.

    `before` are the stages before it, by name and by number.
    """

    context: Path
    root: Path
    variables: dict[str, str]
    before: Mapping[str, Stage] = field(default_factory=dict)
    folder: str = "/"
    own: dict[str, str] = field(default_factory=dict)  # by ENV: what the container gets
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def do(self, word: str, rest: str) -> None:
        actions: dict[str, Callable[[str], None]] = {
            "ARG": self._argument,
            "ENV": self._variable,
            "WORKDIR": self._work_in,
            "COPY": self._copy,
            "ADD": self._copy,
            "ENTRYPOINT": lambda text: self._start("entrypoint", text),
            "CMD": lambda text: self._start("command", text),
        }
        if word in actions:
            actions[word](rest)
        elif word not in SILENT:
            self.passed_over.append(f"{word} {rest}")

    def _argument(self, rest: str) -> None:
        name, _, default = rest.partition("=")
        self.variables.setdefault(name.strip(), self._filled(default.strip("\"'")))

    def _variable(self, rest: str) -> None:
        words = shlex.split(rest)
        pairs = [word.split("=", 1) for word in words if "=" in word] or [rest.split(None, 1)]
        for name, value in pairs:
            self.own[name] = self.variables[name] = self._filled(value)

    def _work_in(self, rest: str) -> None:
        self.folder = str(PurePosixPath(self.folder) / self._filled(rest.strip("\"'")))
        self._inside(self.folder).mkdir(parents=True, exist_ok=True)

    def _copy(self, rest: str) -> None:
        words = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
        *sources, to = [self._filled(word) for word in words if not word.startswith("--")]
        origin = next((word.removeprefix(FROM) for word in words if word.startswith(FROM)), "")
        stage = self.before.get(origin.lower())
        if (origin and stage is None) or any("://" in source for source in sources):
            self.passed_over.append(f"COPY {rest}")
            return
        target = self._inside(str(PurePosixPath(self.folder) / to))
        into = to.endswith("/") or to == "." or len(sources) > 1 or target.is_dir()
        for path in [path for source in sources for path in _found(source, stage.root if stage else self.context)]:
            self._take(path, target, into=into)

    def _take(self, path: Path, target: Path, *, into: bool) -> None:
        if path.is_dir():
            shutil.copytree(path, target, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True, dirs_exist_ok=True)
            return
        place = target / path.name if into else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)

    def _start(self, part: str, rest: str) -> None:
        setattr(self, part, json.loads(rest) if rest.startswith("[") else ["/bin/sh", "-c", rest])
        if part == "entrypoint":
            self.command = []

    def _inside(self, path: str) -> Path:
        """Return an image's path below its root, whatever `..` it has."""
        parts = [part for part in PurePosixPath(path).parts if part not in {"/", ".."}]
        return self.root.joinpath(*parts)

    def _filled(self, text: str) -> str:
        return Template(text).safe_substitute(self.variables)


def read(text: str, context: Path, root: Path, arguments: Mapping[str, str], target: str = "") -> Image:
    """Carry out a Dockerfile; its last stage, or `target`, in `root`.

    Raises Refused without such a stage.
    """
    # What is copied from another image is passed over.
    parts, stages, passed_over = _stages(text), dict[str, Stage](), list[str]()
    if target:
        parts = _up_to(parts, target)
    with TemporaryDirectory() as aside:
        for number, (origin, name, lines) in enumerate(parts):
            place = root if number == len(parts) - 1 else Path(aside) / str(number)
            stage = _begun(Stage(context, place, dict(arguments), dict(stages)), stages.get(origin))
            for word, rest in lines:
                stage.do(word, rest)
            stages |= {str(number): stage, name or str(number): stage}
            passed_over += stage.passed_over
    return Image(stage.folder, stage.own, (*stage.entrypoint, *stage.command), tuple(passed_over))


def _up_to(parts: list[Part], target: str) -> list[Part]:
    """Leave out the stages after one. Raises Refused without it."""
    numbers = [number for number, (_, name, _) in enumerate(parts) if target.lower() in (name.lower(), str(number))]
    if not numbers:
        names = ", ".join(name for _, name, _ in parts if name) or "none"
        raise Refused(
            f"The Dockerfile has no stage {target!r}. It names {names}.",
            remedy="Correct `target` of the image in tagship.toml",
        )
    return parts[: numbers[0] + 1]


def _begun(stage: Stage, origin: Stage | None) -> Stage:
    """Give a stage what the one that it begins with has."""
    stage.root.mkdir(parents=True, exist_ok=True)
    if origin:
        shutil.copytree(origin.root, stage.root, symlinks=True, dirs_exist_ok=True)
        stage.folder, stage.own = origin.folder, dict(origin.own)
        stage.entrypoint, stage.command = origin.entrypoint, origin.command
    return stage


def _found(source: str, folder: Path) -> list[Path]:
    """Return the files that a source names, inside a folder only."""
    bare = source.lstrip("/")
    paths = [folder] if bare in {"", ".", "./"} else sorted(folder.glob(bare))
    return [path for path in paths if path.resolve().is_relative_to(folder.resolve())]


def _stages(text: str) -> list[Part]:
    """Split a Dockerfile: what each stage begins with, its name, its lines."""
    parts: list[Part] = []
    for word, rest in _instructions(text):
        if word == "FROM":
            words = [part for part in rest.lower().split() if not part.startswith("--")]
            parts.append((words[0] if words else "", words[2] if len(words) > 2 else "", []))
        elif parts or word != "ARG":
            parts = parts or [("", "", [])]
            parts[-1][2].append((word, rest))
    return parts or [("", "", [])]


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction and its words."""
    # Lines that go on (\) are joined, and comments are gone.
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\s*\n", " ", code).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word.upper(), rest.strip()
