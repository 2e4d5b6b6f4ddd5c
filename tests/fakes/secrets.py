"""Secrets by name and version, without a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tagship.errors import Refused


@dataclass
class FakeSecrets:
    """What is stored: parameters with their newest version, secrets with the version id that is current."""

    stored: dict[str, str] = field(default_factory=dict)
    managed: dict[str, str] = field(default_factory=dict)

    def parameters(self, path: str) -> Mapping[str, str]:
        below = path.rstrip("/") + "/"
        return {name: version for name, version in self.stored.items() if name.startswith(below)}

    def current(self, name: str) -> str:
        if name not in self.managed:
            raise Refused(
                f"The secret {name} does not exist in us-east-1.",
                remedy=f"Correct its name in tagship.toml, or: aws secretsmanager create-secret --name {name}",
            )
        return self.managed[name]
