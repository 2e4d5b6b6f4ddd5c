"""Environments that would get in each other's way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tagship.settings.section import Finding, Values, cut, table


def same_channel(environments: Mapping[str, Values]) -> Iterator[Finding]:
    """Find environments of one channel: their versions would be the same."""
    owners: dict[tuple[str, str], str] = {}
    for name, environment in environments.items():
        channel = (str(environment.get("suffix", name)), str(environment.get("branch", "")))
        owner = owners.setdefault(channel, name)
        if owner != name:
            yield (
                f"environments.{name}",
                f"has the same suffix and the same branch as environments.{cut(owner)}: change one",
            )


def same_state(environments: Mapping[str, Values], bucket: str) -> Iterator[Finding]:
    """Find environments that share one Terraform state."""
    # Each apply would destroy the other's resources.
    owners: dict[tuple[str, str], str] = {}
    for name, environment in environments.items():
        infra = table(environment, "infra")
        key = str(infra.get("state_key", ""))
        owner = owners.setdefault((str(infra.get("state_bucket") or bucket), key), name) if key else name
        if owner != name:
            yield f"environments.{name}.infra.state_key", f"is the state of environments.{cut(owner)} too: change one"
