"""Operational numbers: they come with a change and are in no bundle, so that a rollback uses today's.

Written `KEEP=3,DRAIN=5`: capitals, digits, `_`, `=` and commas, which no shell gives a meaning. `PATTERN` is the
document's (deploy/aws/ssm-document.json) and stage 1's (deploy/host/entry.sh); a test holds the three together.
"""

from __future__ import annotations

from collections.abc import Mapping

NAMES = (
    "KEEP",
    "DRAIN",
    "TIMEOUT",
    "HEALTH_ATTEMPTS",
    "HEALTH_ATTEMPTS_AFTER_ROLLBACK",
    "HEALTH_PASSES",
    "HEALTH_TIMEOUT",
    "HEALTH_CAP",
)
NUMBER = rf"(DRAIN=0|({'|'.join(NAMES)})=[1-9][0-9]{{0,5}})"  # curl takes 0 s as no limit
PATTERN = rf"^(none|{NUMBER}(,{NUMBER}){{0,{len(NAMES) - 1}}})$"


def written(values: Mapping[str, int]) -> str:
    """Write the numbers as they travel, in a fixed order."""
    return ",".join(f"{name}={values[name]}" for name in NAMES if name in values)
