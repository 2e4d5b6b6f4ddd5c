"""How an app's tags are named: its prefix, then the version. The ledger and the bucket know the version alone.

Apps of one repository have a prefix each (`api-1.2.3-dev` beside `web-1.2.3-dev`): a tag with another prefix is not
this app's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tagship.domain.version import Version

# Never an option of git's, and part of a ref's name, of a pattern of GitHub's and of one of IAM's as it stands.
PREFIX = r"^([A-Za-z][A-Za-z0-9]*([-_/][A-Za-z0-9]+)*[-_/]?)?$"

_VERSIONED = re.compile(r"(|[A-Za-z0-9_/-]*[A-Za-z_/-])([0-9]+\.[0-9]+\.[0-9]+(?:-[a-z][a-z0-9]*)?)\Z", re.ASCII)


@dataclass(frozen=True)
class TagNames:
    """The names of an app's tags.

    `prefix` is empty if a tag is its version.
    """

    prefix: str = ""

    def of(self, version: object) -> str:
        """Name a version's tag."""
        return f"{self.prefix}{version}"

    @property
    def belong_to_an_app(self) -> bool:
        """Tell whether the prefix is an app's: others share its repository."""
        return self.prefix.strip("-_/") not in {"", "v", "V", "version", "release"}

    def text(self, name: str) -> str:
        """Take the prefix off a tag's name."""
        # Anything else stays as it is: an untagged build's id may begin as the prefix does.
        rest = name.removeprefix(self.prefix)
        return rest if re.match(r"[0-9]+\.", rest) else name

    def version(self, name: str) -> Version | None:
        """Read the version that a tag names; None for any other tag."""
        return Version.maybe(name.removeprefix(self.prefix)) if name.startswith(self.prefix) else None

    def on_github(self, suffix: str) -> str:
        """Match a channel's tags as GitHub does, whose * is no slash."""
        return f"{self.prefix}*-{suffix}" if suffix else f"{self.prefix}[0-9]*"

    def pattern(self, suffix: str) -> str:
        """Match a channel's tags with the wildcard of IAM and Git."""
        # And few others: an asterisk stands for anything.
        return f"{self.prefix}*-{suffix}" if suffix else f"{self.prefix}*"


def prefixes(names: Iterable[str]) -> dict[str, str]:
    """Map each prefix of version tags to the highest of them.

    The most used prefix comes first.
    """
    versions: dict[str, list[Version]] = defaultdict(list)
    for name in names:
        match = _VERSIONED.match(name)
        if match and re.match(PREFIX, match[1]) and (version := Version.maybe(match[2])):
            versions[match[1]].append(version)
    used = sorted(versions, key=lambda prefix: (-len(versions[prefix]), prefix))
    return {prefix: f"{prefix}{max(versions[prefix])}" for prefix in used}
