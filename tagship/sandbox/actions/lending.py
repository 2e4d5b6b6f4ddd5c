"""Packages of the sandbox's own environment, lent to a run's: those that its lock pins, in these very versions.

A download would bring the same files. If one of them is not there in that version, or if the lock lacks what a package
needs, nothing is lent: then pip decides, as it does on GitHub. The hashes of what was installed long ago cannot be
checked any more; those of a wheel in the repository are.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import Distribution

HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
COMMIT = re.compile(r"git\+\S+@([0-9a-f]{40})")
FILES = ("-r", "--requirement")
# By a shell, as pip writes it: a `#!` breaks if its path has a blank in it, or is long.
SCRIPT = """\
#!/bin/sh
'''exec' {python} "$0" "$@"
' '''
import sys

from {module} import {name}

if __name__ == "__main__":
    sys.exit({value}())
"""


class NotLent(Exception):
    """Something can't be lent, so pip is asked."""


@dataclass
class Loan:
    """What an environment gets.

    `links` are of names in its site-packages, `given` the packages.
    """

    links: dict[str, Path] = field(default_factory=dict)
    wheels: list[Path] = field(default_factory=list)
    given: dict[str, Distribution] = field(default_factory=dict)
    extras: dict[str, set[str]] = field(default_factory=dict)


def files(words: Sequence[str]) -> list[Path]:
    """List the requirement files given to pip, and those in them."""
    named = [Path(word) for flag, word in pairwise(words) if flag in FILES]
    return [file for name in named for file in _nested(name.absolute())]


def _nested(file: Path, depth: int = 0) -> Iterator[Path]:
    yield file
    for line in _lines(file):
        flag, _, name = line.partition(" ")
        if flag in FILES and depth < 10:
            yield from _nested(file.parent / name.strip(), depth + 1)


def _lines(file: Path) -> list[str]:
    """Read a requirement file's logical lines."""
    text = file.read_text("utf-8", "replace") if file.is_file() else ""
    bare = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.replace("\\\n", " ").split("\n"))
    return [line for line in bare if line]


def requirements(lock: Iterable[Path]) -> list[str]:
    """List the requirements of all the files."""
    return [line for file in lock for line in _lines(file) if line.split(" ")[0] not in FILES]


def local(lock: Iterable[Path]) -> list[Path]:
    """List the wheels that requirements name by their paths."""
    # pip takes a path as one from where it runs, not from the file.
    return [Path(_first(line)).absolute() for line in requirements(lock) if _first(line).endswith(".whl")]


def _first(line: str) -> str:
    return line.split(" ", 1)[0]


def is_pinned(words: Sequence[str], lock: Sequence[Path]) -> bool:
    """Tell whether an install can only ever have one outcome."""
    # By hashes, or by commits alone. Nothing is named but files, and no flag takes a word that is not a file.
    plain = {"--quiet", "-q", "--require-hashes", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"}
    other = [word for flag, word in zip(["", *words], words, strict=False) if word not in plain and flag not in FILES]
    if not lock or any(word not in ("install", *FILES) for word in other):
        return False
    commits = all(COMMIT.fullmatch(_first(line)) for line in requirements(lock))
    return "--require-hashes" in words or ("--no-deps" in words and commits)


def lend(lock: Sequence[Path], environment: Path) -> bool:
    """Link what a lock pins into an environment, if possible."""
    from importlib.metadata import PackageNotFoundError
    from zipfile import BadZipFile, ZipFile

    try:
        loan = _loan(requirements(lock))
    except (NotLent, PackageNotFoundError, ImportError, OSError, ValueError, BadZipFile):
        return False
    [packages] = environment.glob("lib/python*/site-packages")
    for name, target in loan.links.items():
        (packages / name).symlink_to(target)
    for wheel in loan.wheels:
        ZipFile(wheel).extractall(packages)
    for dist in loan.given.values():
        _scripts(dist, environment)
    return True


def _loan(lines: Iterable[str]) -> Loan:
    """Decide what is lent. Raises NotLent and others."""
    loan = Loan()
    for line in lines:
        if _first(line).endswith(".whl"):
            _take_wheel(loan, line)
        elif commit := COMMIT.fullmatch(_first(line)):
            _take_commit(loan, commit[1])
        else:
            _take_package(loan, line)
    for name, dist in list(loan.given.items()):
        _require_whole(loan, name, dist)
    return loan


def _take_wheel(loan: Loan, line: str) -> None:
    from importlib.metadata import PathDistribution
    from zipfile import Path as Inside
    from zipfile import ZipFile

    path = Path(_first(line)).absolute()
    if hashlib.sha256(path.read_bytes()).hexdigest() not in HASH.findall(line):
        raise NotLent
    archive = ZipFile(path)
    [info] = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    if b"Root-Is-Purelib: true" not in archive.read(f"{info}/WHEEL"):
        raise NotLent
    dist = PathDistribution(Inside(archive, f"{info}/"))
    loan.wheels.append(path)
    loan.given[_plain(dist.metadata["Name"])] = dist


def _take_commit(loan: Loan, commit: str) -> None:
    """Take this tagship, if it was installed from that commit."""
    dist = _installed("tagship")
    if f'"commit_id": "{commit}"' not in (dist.read_text("direct_url.json") or ""):
        raise NotLent
    _give(loan, dist)


def _take_package(loan: Loan, line: str) -> None:
    wanted = _requirement(line.partition(" --hash")[0])
    if wanted.marker and not wanted.marker.evaluate():
        return
    dist = _installed(wanted.name)
    if str(wanted.specifier) != f"=={dist.version}" or not HASH.search(line):
        raise NotLent
    loan.extras[_plain(wanted.name)] = set(wanted.extras)
    _give(loan, dist)


def _give(loan: Loan, dist: Distribution) -> None:
    """Link what a package has in site-packages."""
    names = {file.parts[0] for file in dist.files or ()} - {"..", "__pycache__"}
    for name in names:
        target = Path(str(dist.locate_file(name)))
        namespace = target.is_dir() and not name.endswith(".dist-info") and not (target / "__init__.py").is_file()
        if namespace or name in loan.links or name.endswith(".pth") or not target.exists():
            raise NotLent
        loan.links[name] = target
    loan.given[_plain(dist.metadata["Name"])] = dist


def _require_whole(loan: Loan, name: str, dist: Distribution) -> None:
    """Require what a package needs to be in the lock."""
    for text in dist.requires or ():
        needed = _requirement(text)
        extras = loan.extras.get(name) or {""}
        if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        other = loan.given.get(_plain(needed.name))
        if other is None or not needed.specifier.contains(other.version, prereleases=True):
            raise NotLent


def _requirement(text: str) -> Any:
    from packaging.requirements import Requirement

    return Requirement(text)


def _installed(name: str) -> Distribution:
    from importlib.metadata import distribution  # as an install that is kept needs none of it

    return distribution(name)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _scripts(dist: Distribution, environment: Path) -> None:
    for entry in dist.entry_points:
        if entry.group == "console_scripts":
            script = environment / "bin" / entry.name
            values = {"module": entry.module, "name": entry.attr.partition(".")[0], "value": entry.attr}
            text = SCRIPT.format(python=shlex.quote(str(environment / "bin/python")), **values)
            script.write_text(text, "utf-8")
            script.chmod(0o755)
