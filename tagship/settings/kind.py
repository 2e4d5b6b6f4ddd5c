"""A kind of target: the one table of an environment that says what it runs on. Each kind has a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from tagship.domain.rollout import Rules
from tagship.settings.section import Finding, Section, Values

if TYPE_CHECKING:
    from tagship.settings.model import Environment


class Kind(Section):
    """The base of each kind's table, with what every environment is asked whatever it runs on."""

    table: ClassVar[str]  # its name in tagship.toml: [environments.<name>.<table>]
    # Keys of an older form: where one stood in the environment -> where it is in this table; empty: it is gone.
    moved: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def problems_in(cls, environment: Values) -> Iterator[Finding]:  # noqa: ARG003  # for kinds that look
        """Combinations of an environment's values that this kind cannot work with; keys are the environment's."""
        yield from ()

    @classmethod
    def why_not_settable(cls, variable: str, values: Values) -> str:  # noqa: ARG003
        """Why no app could be given that variable, in a few words; `values` are this table's."""
        return ""

    @property
    def rules(self) -> Rules:
        """How many units change at once, and how many may fail; all of them, and none, unless a kind says otherwise."""
        return Rules("100%", "0")

    @property
    def longest(self) -> int:
        """Seconds that one action on a unit may take."""
        return 900

    @property
    def has_image(self) -> bool:
        """Whether it runs a container image, which `build` makes."""
        return False

    def files(self, name: str, environment: Environment, region: str) -> Mapping[str, bytes]:  # noqa: ARG002
        """What the bundle carries for an environment: path -> bytes."""
        return {}
