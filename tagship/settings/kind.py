"""A kind of target: the one table of an environment that says what it runs on. Each kind has its own file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tagship.domain.rules import Rules
from tagship.settings.section import Finding, Section, Values

if TYPE_CHECKING:
    from tagship.domain.infra_owned import Ownership
    from tagship.settings.environment import Environment


class Kind(Section):
    """The base of each kind's table, for the engine and `setup`."""

    table: ClassVar[str]  # its name in tagship.toml: [environments.<name>.<table>]
    # Keys of an older form: its place in the environment -> its place in this table; empty: it is gone.
    moved: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def problems_in(cls, environment: Values) -> Iterator[Finding]:  # noqa: ARG003  # for kinds that look
        """Find values of an environment that this kind cannot work with."""
        # Keys are the environment's.
        yield from ()

    @classmethod
    def brought_home(cls, environment: dict[str, Any]) -> Iterator[tuple[str, str]]:  # noqa: ARG003
        """Move keys of an older form; yield old and new place."""
        # Both are below the environment.
        yield from ()

    late: ClassVar[Sequence[str]] = ()  # its keys that may name outputs of infrastructure
    why_no_variables: ClassVar[str] = (
        "names an output, and hosts read their variables from the bundle, which is made before there are any"
    )

    @classmethod
    def why_not_settable(cls, variable: str, values: Values) -> str:  # noqa: ARG003
        """Say why no app can have that variable; empty if it can."""
        # `values` are this table's.
        return ""

    @property
    def rules(self) -> Rules:
        """Say how many units change at once, and how many may fail."""
        return Rules("100%", "0", limit="")

    @property
    def longest(self) -> int:
        """Return the seconds that one action on a unit may take."""
        return 900

    @property
    def has_image(self) -> bool:
        """Tell whether it runs a container image, which `build` makes."""
        return False

    @property
    def has_hosts(self) -> bool:
        """Tell whether it runs on hosts, which boot and pin keys."""
        return self.stack_parameters.get("Hosts") != "no"

    @property
    def images(self) -> Sequence[str]:
        """Name the images that it runs; "" is the environment's own."""
        return ("",) if self.has_image else ()

    @property
    def host_image(self) -> str:
        """Name the image that hosts run; "" is the environment's own."""
        return ""

    @classmethod
    def images_in(cls, values: Values) -> Iterator[Finding]:  # noqa: ARG003
        """List the keys of this table that name an image."""
        yield from ()

    @property
    def packages(self) -> Sequence[str]:
        """Name the packages that it runs, which `build` makes."""
        return ()

    @classmethod
    def packages_in(cls, values: Values) -> Iterator[Finding]:  # noqa: ARG003
        """List the keys of this table that name a package."""
        yield from ()

    @classmethod
    def runs_files(cls, values: Values) -> bool:  # noqa: ARG003
        """Tell whether its units run files of the bundle."""
        return False

    def files(self, name: str, environment: Environment, region: str) -> Mapping[str, bytes]:  # noqa: ARG002
        """Make what the bundle carries for an environment: path -> bytes."""
        return {}

    @property
    def owned(self) -> Ownership:
        """Say what a deployment sets of the resources that Terraform made."""
        return {}

    # -- what `setup` makes in the account -----------------------------------------------------------------------------

    @property
    def resource_tags(self) -> Mapping[str, str]:
        """Return tags of resources that a role may act on, if any."""
        return {}

    @property
    def stack_functions(self) -> Sequence[str]:
        """Name the functions that the environment's roles may change."""
        return ()

    @property
    def stack_services(self) -> Sequence[str]:
        """Name services that the environment's roles may change.

        As cluster/service.
        """
        return ()

    @property
    def stack_groups(self) -> Sequence[str]:
        """Name the Auto Scaling groups whose instances may be replaced."""
        return ()

    @property
    def stack_passed_roles(self) -> Sequence[str]:
        """Name the roles that the environment's roles may pass to tasks."""
        return ()

    @property
    def stack_families(self) -> Sequence[str]:
        """Name the families of task definitions that the environment's roles may register."""
        return ()

    @property
    def stack_parameters(self) -> Mapping[str, str]:
        """Return the parameters of the environment's stack that this kind decides."""
        return {}

    def documents(self, read: Callable[[str], str]) -> Mapping[str, str]:  # noqa: ARG002  # for kinds that have some
        """Render the SSM documents that this kind needs: name -> content."""
        # `read` reads a file of the repository.
        return {}
