"""Packages that a commit's lock files pin: requirements.txt with hashes, uv.lock, poetry.lock, package-lock.json."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Hash = tuple[str, str]  # algorithm as CycloneDX spells it, and hex
SHA = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=(sha\d+):([0-9a-f]+)")


@dataclass(frozen=True, order=True)
class PinnedPackage:
    """A pinned package; the hashes are those of its files."""

    kind: str  # as package URLs name it: pypi | npm
    name: str
    version: str
    hashes: tuple[Hash, ...] = ()


class NotALock(ValueError):
    """A lock file has another form than its name says."""


def is_lock(path: str) -> bool:
    """Tell whether a path is a lock file that can be read."""
    return _reader(path) is not None


def packages(path: str, raw: bytes) -> list[PinnedPackage]:
    """List the packages of a lock file, sorted. Raises NotALock."""
    reader = _reader(path)
    try:
        return sorted(set(reader(raw.decode()))) if reader else []
    except (ValueError, TypeError, KeyError, AttributeError) as reason:
        raise NotALock(f"{path} cannot be read ({type(reason).__name__})") from reason


def _reader(path: str) -> Callable[[str], Iterator[PinnedPackage]] | None:
    name = path.rpartition("/")[2]
    return next((reader for pattern, reader in READERS.items() if fnmatch.fnmatchcase(name, pattern)), None)


def _requirements(text: str) -> Iterator[PinnedPackage]:
    """Read pip's format: pinned lines alone, with their hashes."""
    for line in text.replace("\\\n", " ").splitlines():
        if pin := _PIN.match(line.strip()):
            hashes = tuple(sorted((SHA[kind], digest) for kind, digest in _HASH.findall(line) if kind in SHA))
            yield PinnedPackage("pypi", _normal(pin[1]), pin[2], hashes)


def _uv(text: str) -> Iterator[PinnedPackage]:
    for package in tomllib.loads(text).get("package", []):
        if "registry" not in package.get("source", {}):
            continue  # the project itself, or a folder, a checkout
        files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
        yield PinnedPackage("pypi", _normal(package["name"]), package["version"], _written(files))


def _poetry(text: str) -> Iterator[PinnedPackage]:
    for package in tomllib.loads(text).get("package", []):
        yield PinnedPackage("pypi", _normal(package["name"]), package["version"], _written(package.get("files", [])))


def _npm(text: str) -> Iterator[PinnedPackage]:
    """Read npm's format, versions 2 and 3."""
    for path, package in json.loads(text)["packages"].items():
        name = package.get("name") or path.rpartition("node_modules/")[2]
        if path.startswith("node_modules/") and not package.get("link") and "version" in package:
            yield PinnedPackage("npm", name, package["version"], tuple(_integrity(package.get("integrity", ""))))


def _integrity(text: str) -> Iterator[Hash]:
    """Turn npm's integrity (sha512-<base64>) into hex."""
    for part in text.split():
        kind, _, encoded = part.partition("-")
        if kind in SHA:
            try:
                yield SHA[kind], base64.b64decode(encoded, validate=True).hex()
            except binascii.Error as reason:
                raise NotALock(part) from reason


def _written(files: list[Mapping[str, Any]]) -> tuple[Hash, ...]:
    """Read the hashes of files, each `sha256:<hex>`."""
    pairs = [str(file.get("hash", "")).partition(":") for file in files]
    return tuple(sorted({(SHA[kind], digest) for kind, _, digest in pairs if kind in SHA}))


def _normal(name: str) -> str:
    """Spell a name as PyPI's package URLs do."""
    return re.sub(r"[-_.]+", "-", name).lower()


READERS: Mapping[str, Callable[[str], Iterator[PinnedPackage]]] = {
    "requirements*.txt": _requirements,
    "constraints*.txt": _requirements,
    "uv.lock": _uv,
    "poetry.lock": _poetry,
    "package-lock.json": _npm,
}
