"""What every environment has, whatever it runs on; what one kind of target has is in that kind's file."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field, PrivateAttr, StringConstraints

from tagship.settings.aws import OwnAccount, RegionName
from tagship.settings.health import Health
from tagship.settings.hooks import HookTable, PlaceOfHook
from tagship.settings.images import Image
from tagship.settings.kind import Kind
from tagship.settings.late import misplaced_outputs
from tagship.settings.logs import Logs
from tagship.settings.section import Finding, Section, Values, Variable, outside, section_of, table
from tagship.settings.tables import BRANCH, CALENDAR, GROUP, SUFFIX, WORKFLOW, Infra, SecretNames
from tagship.settings.taken import taken_variables
from tagship.settings.trust import Workflows

K = TypeVar("K", bound=Kind)
Suffix = Annotated[str, StringConstraints(pattern=SUFFIX)]


class Environment(Section):
    """One place that a version is deployed to.

    Exactly one table, its kind's, says what it runs on.
    """

    branch: str = Field(default="", pattern=BRANCH)
    suffix: Suffix | None = None
    workflow: str | None = Field(default=None, pattern=WORKFLOW)  # that ships a tag; deploy-<environment>.yml
    workflows: Workflows = Field(default_factory=Workflows.model_construct)  # whose jobs get each role
    variables: Mapping[Variable, str] = Field(default_factory=dict)
    secrets: SecretNames = Field(default_factory=SecretNames.model_construct)
    allow_unsigned: bool = False  # take artifacts that nobody signed
    require_attestation: bool | Literal["github"] = False  # of the environment's workflow; by GitHub itself, too
    require_rollback: bool = False  # refuse a deployment that could not be rolled back
    lease_ttl: int = Field(default=120, ge=10, le=3600)  # seconds
    lease_group: str = Field(default="", pattern=GROUP)  # the environment's own name when empty
    change_calendar: str = Field(default="", pattern=CALENDAR)  # a name or an ARN of SSM Change Calendar
    aws: OwnAccount = Field(default_factory=OwnAccount.model_construct)  # the app's account when left out
    regions: tuple[RegionName, ...] = ()  # in the order of a rollout; the first has the records. Empty: aws.region
    region_bake: int = Field(default=0, ge=0, le=3600)  # seconds that a region serves before the next one begins
    health: Health = Field(default_factory=Health.model_construct)
    image: Image = Field(default_factory=Image.model_construct)
    infra: Infra = Field(default_factory=Infra.model_construct)
    outputs: str = ""  # a JSON file of the checkout that a tool writes; empty: what `inv infra` kept
    logs: Logs = Field(default_factory=Logs.model_construct)
    hooks: Mapping[PlaceOfHook, HookTable] = Field(default_factory=dict)  # in place of those for all
    _outputs: Mapping[str, str] | None = PrivateAttr(default=None)

    @property
    def known_outputs(self) -> Mapping[str, str]:
        """Return the outputs that are filled in."""
        return self._outputs or {}

    @property
    def is_filled(self) -> bool:
        """Tell whether outputs are filled in."""
        return self._outputs is not None

    def know(self, outputs: Mapping[str, str]) -> None:
        """Note the outputs that are filled in."""
        self._outputs = dict(outputs)

    @property
    def target(self) -> Kind:
        """Find the table that says what it runs on."""
        return next(value for _, value in self if isinstance(value, Kind))

    def runs_on(self, kind: type[K]) -> K | None:
        """Take the table of that kind; None for another kind."""
        return self.target if isinstance(self.target, kind) else None

    def why_not_settable(self, variable: str) -> str:
        """Say why no app can have that variable; empty if it can."""
        return self.target.why_not_settable(variable, dict(self.target))

    @classmethod
    def kinds(cls) -> dict[str, type[Kind]]:
        """List the kinds of target by their tables' names."""
        sections = {name: section_of(field.annotation) for name, field in cls.model_fields.items()}
        return {name: kind for name, kind in sections.items() if kind and issubclass(kind, Kind)}

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        kinds = cls.kinds()
        chosen = [name for name in kinds if name in values]
        yield from _no_single_target(list(kinds), chosen)
        for name in chosen:
            yield from kinds[name].problems_in(values)
            places = tuple(f"{name}.{key}" for key in kinds[name].late)
            yield from misplaced_outputs(values, places, kinds[name].why_no_variables)
        yield from outside("outputs", [values.get("outputs", "")])
        if values.get("require_attestation") in (True, "github") and values.get("allow_unsigned") is True:
            yield "require_attestation", "is nothing for artifacts that nobody signed: remove allow_unsigned"
        yield from taken_variables(values, [(kinds[name], table(values, name)) for name in chosen])


def _no_single_target(kinds: list[str], chosen: list[str]) -> Iterator[Finding]:
    if not chosen:
        tables = " or ".join(f"[environments.<name>.{name}]" for name in kinds)
        yield "", f"has no table that says what it runs on: add {tables}"
    if len(chosen) > 1:
        yield "", f"runs on one target, and has the tables {' and '.join(chosen)}: keep one"
