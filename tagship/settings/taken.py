"""Variables that an environment may not set: tagship's own, its kind's, and those that are set twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagship.settings.kind import Kind
from tagship.settings.section import VARIABLE, Finding, Values, table

# Variables that tagship itself gives an app: the settings may not set them.
OURS = frozenset({"PORT", "VERSION", "COMMIT_SHA", "BUILD_TIME", "ENVIRONMENT", "OUTPUT_DIR"})


def taken_variables(values: Values, chosen: list[tuple[type[Kind], Values]]) -> Iterator[Finding]:
    """Find variables that can't be set."""
    plain, secret = table(values, "variables"), table(table(values, "secrets"), "secrets_manager")
    for place, variables in (("variables", plain), ("secrets.secrets_manager", secret)):
        for name in variables:
            problem = next((why for kind, own in chosen if (why := kind.why_not_settable(name, own))), "")
            if name in OURS:
                yield f"{place}.{name}", "is set by tagship itself: give it another name"
            elif problem and re.search(VARIABLE, name):  # pydantic finds an invalid name
                yield f"{place}.{name}", f"{problem}: give it another name"
    for name in secret:
        if name in plain:
            yield f"secrets.secrets_manager.{name}", f"is set by variables.{name} too: remove one"
