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

LEFT_OUT = (".git", ".tagship", ".venv", "node_modules")
SILENT = {"LABEL", "EXPOSE", "USER", "HEALTHCHECK", "STOPSIGNAL", "MAINTAINER"}


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
    """One stage of a Dockerfile, as it is carried out."""

    context: Path
    root: Path
    variables: dict[str, str]
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
        elsewhere = any(word.startswith("--from=") for word in words) or any("://" in source for source in sources)
        if elsewhere:
            self.passed_over.append(f"COPY {rest}")
            return
        target = self._inside(str(PurePosixPath(self.folder) / to))
        into = to.endswith("/") or to == "." or len(sources) > 1 or target.is_dir()
        for path in [path for source in sources for path in self._found(source)]:
            if path.is_dir():
                shutil.copytree(
                    path, target, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True, dirs_exist_ok=True
                )
            else:
                place = target / path.name if into else target
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, place)

    def _found(self, source: str) -> list[Path]:
        """Return the files that a source names, inside the context only."""
        bare = source.lstrip("/")
        paths = [self.context] if bare in {"", ".", "./"} else sorted(self.context.glob(bare))
        return [path for path in paths if path.resolve().is_relative_to(self.context.resolve())]

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


def read(text: str, context: Path, root: Path, arguments: Mapping[str, str]) -> Image:
    """Carry out the last stage of a Dockerfile in `root`."""
    # What is copied from earlier stages is passed over.
    stage = Stage(context, root, dict(arguments))
    for word, rest in _last_stage(text):
        stage.do(word, rest)
    return Image(stage.folder, stage.own, (*stage.entrypoint, *stage.command), tuple(stage.passed_over))


def _last_stage(text: str) -> list[tuple[str, str]]:
    lines = list(_instructions(text))
    froms = [at for at, (word, _) in enumerate(lines) if word == "FROM"]
    return lines[froms[-1] + 1 :] if froms else lines


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction and its words."""
    # Lines that go on (\) are joined, and comments are gone.
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\s*\n", " ", code).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word.upper(), rest.strip()
