"""Write what `init` pins in somebody else's repository: `python -m scripts.lock`, after a change of constraints.txt.

Four requirement files of tagship/templates: what tagship needs, what its extras [sandbox] and [attestations] need
beside that, and what builds tagship from Git, with the versions and hashes of constraints.txt. A package is in them if
a Python that tagship supports needs it, on Linux or macOS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[1]
TEMPLATES = TOP / "tagship/templates"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux"},
    {"sys_platform": "darwin", "platform_system": "Darwin"},
)


def pins() -> dict[str, str]:
    """Each package of constraints.txt, with all its lines."""
    blocks = re.split(r"\n(?=\S)", (TOP / "constraints.txt").read_text("utf-8").rstrip("\n"))
    lines: dict[str, str] = {}
    for block in blocks:  # of a package that has a version for some Pythons and another for others there are two
        name = canonicalize_name(block.partition("==")[0])
        lines[name] = lines.get(name, "") + f"{block}\n"
    return lines


def needed(name: str, extra: str, known: Mapping[str, str]) -> set[str]:
    """Every package of constraints.txt that a distribution needs with an extra, and that those need."""
    seen: set[tuple[str, str]] = set()
    left = [(name, extra)]
    while left:
        at = left.pop()
        if at not in seen:
            seen.add(at)
            left += [pair for pair in _direct(*at) if pair[0] in known]
    return {package for package, _ in seen} - {name}


def _direct(name: str, extra: str) -> Iterator[tuple[str, str]]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:  # another platform's
        lines = []
    for requirement in map(Requirement, lines):
        if requirement.marker is None or _holds(requirement.marker, extra):
            for wanted in ("", *requirement.extras):
                yield canonicalize_name(requirement.name), wanted


def _holds(marker: Marker, extra: str) -> bool:
    places = [
        {"python_version": version, "python_full_version": f"{version}.0", **more}
        for version in PYTHONS
        for more in PLATFORMS
    ]
    return any(marker.evaluate({**place, "extra": extra}) for place in places)


def locks() -> dict[str, str]:
    """Each requirement file's name and text."""
    known = pins()
    base, whole, attesting = (needed("tagship", extra, known) for extra in ("", "sandbox", "attestations"))
    build = {"hatchling", *needed("hatchling", "", known)}
    parts = {
        "requirements.txt": base,
        "requirements-sandbox.txt": whole - base,
        "requirements-build.txt": build - base,
        "requirements-attestations.txt": attesting - base,
    }
    return {name: "".join(known[package] for package in sorted(packages)) for name, packages in parts.items()}


def main() -> None:
    for name, text in locks().items():
        (TEMPLATES / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
