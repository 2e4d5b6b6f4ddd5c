"""Which tests run in one process, and which begin: read by `--dist loadgroup`.

Those that share a sandbox or a host run together: it takes seconds to start, which is longer than most of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
SHARING = ("journeys", "kinds", "program", "sandbox", "attacks")
SANDBOX = "sandbox"  # the fixture of tests/sandbox/conftest.py: one for all who ask for it
FOLDERS = ("journeys", "program", "sandbox", "attacks", "contract", "unit")  # the longest first, the short ones last


def assign(items: list[pytest.Item]) -> None:
    """Mark each test with its group, and put the long ones first."""
    for item in items:
        group = _group(item)
        if group and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: FOLDERS.index(_folder(item)) if _folder(item) in FOLDERS else len(FOLDERS))


def _group(item: pytest.Item) -> str:
    if _folder(item) not in SHARING:
        return ""
    fixtures = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    if SANDBOX in fixtures:
        return SANDBOX
    return item.path.stem if any(each[-1].scope == "module" for each in fixtures.values()) else ""


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).parts[0] if item.path.is_relative_to(ROOT) else ""
