"""`legacy_keys`: the patterns of keys under which a team kept its archives before tagship."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tagship.settings.section import Finding, shown

KEY = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\.(tar\.gz|tgz)")
PLACE = re.compile(r"\{(app|environment|tag)\}")

RIGHT = "write a key such as {app}/{tag}/{app}-{tag}.tar.gz, with {app}, {environment} and {tag}; .tar.gz or .tgz"


def legacy_problems(patterns: Any) -> Iterator[Finding]:
    """Find patterns that name no archive of a version."""
    for pattern in patterns if isinstance(patterns, (list, tuple)) else []:
        if not isinstance(pattern, str):
            continue
        if not KEY.fullmatch(PLACE.sub("x", pattern)) or ".." in pattern:
            yield "legacy_keys", f"has {shown(pattern)}: {RIGHT}"
        elif "{tag}" not in pattern:
            yield "legacy_keys", f"has {shown(pattern)}, which names no version: put {{tag}} in it"
