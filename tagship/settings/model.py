"""What every environment has, whatever it runs on, and the settings as a whole.

What only one kind of target has is in that kind's file; `kinds` puts both together. What each key is for is written in
docs/tagship.sample.toml, which a test holds to these tables.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, cast

from pydantic import Field

from tagship.errors import SettingsError
from tagship.settings import images as image_tables
from tagship.settings.accounts import Located, account_problems
from tagship.settings.across import attested, nothing_carried, promoted, same_channel, same_state, unsigned
from tagship.settings.aws import AwsAccount
from tagship.settings.environment import Environment
from tagship.settings.hooks import BEFORE, OF_HOOKS, HookTable, PlaceOfHook, misplaced, tasks_without_services
from tagship.settings.images import Image, NamedImage
from tagship.settings.kind import Kind
from tagship.settings.legacy import legacy_problems
from tagship.settings.metrics import CloudWatch, metrics_problems
from tagship.settings.parts import Package
from tagship.settings.previews import Named, Previews
from tagship.settings.report import ReportPlaces
from tagship.settings.section import Finding, Name, Values, cut, section_of, shown, table
from tagship.settings.static_sets import Static, strange_environments
from tagship.settings.tables import (
    Bundle,
    CiRuns,
    Git,
    Notify,
    Promotion,
    Signing,
    Tags,
)


class Settings(Located):
    """All of tagship.toml."""

    app: Name
    sandbox: bool = False
    git: Git = Field(default_factory=Git.model_construct)
    tags: Tags = Field(default_factory=Tags.model_construct)
    aws: AwsAccount
    signing: Signing | None = None
    ci: CiRuns = Field(default_factory=CiRuns.model_construct)
    notify: Notify = Field(default_factory=Notify.model_construct)
    bundle: Bundle = Field(default_factory=Bundle.model_construct)
    promotion: Promotion = Field(default_factory=Promotion.model_construct)
    report: ReportPlaces = Field(default_factory=ReportPlaces.model_construct)
    metrics: CloudWatch = Field(default_factory=CloudWatch.model_construct)
    previews: Previews = Field(default_factory=Previews.model_construct)
    hooks: Mapping[PlaceOfHook, HookTable] = Field(default_factory=dict)
    packages: Mapping[Name, Package] = Field(default_factory=dict)
    images: Mapping[Name, NamedImage] = Field(default_factory=dict)
    static: Mapping[Name, Static] = Field(default_factory=dict)
    legacy_keys: tuple[str, ...] = ()  # where archives are from before tagship; {app}, {environment} and {tag} stand in
    environments: Annotated[Mapping[Name, Environment], Field(min_length=1)]

    def model_post_init(self, _context: Any, /) -> None:
        """Have environments of pull requests made when they are named."""
        if self.previews.environment:
            made = Named.of(self.environments, self.environment_model(), self.previews)
            object.__setattr__(self, "environments", made)

    def is_preview(self, environment: str) -> bool:
        """Tell whether an environment is a pull request's, of the template."""
        own = getattr(self.environments, "own", self.environments)
        return environment in self.environments and environment not in own

    def with_environment(self, name: str, made: Environment) -> Mapping[str, Environment]:
        """Return the environments, with another in place of one."""
        own = dict(self.environments)
        if not self.previews.environment:
            return {**own, name: made}
        environments = Named.of(own, self.environment_model(), self.previews)
        environments.own = getattr(self.environments, "own", environments.own)
        environments[name] = made
        return environments

    @classmethod
    def environment_model(cls) -> type[Environment]:
        """Return the model of one environment, with every kind's table."""
        return cast("type[Environment]", section_of(cls.model_fields["environments"].annotation))

    def suffix(self, environment: str) -> str:
        """Name an environment's suffix: its own setting, or its name."""
        return environment if (suffix := self.environments[environment].suffix) is None else suffix

    def environment(self, name: str) -> Environment:
        """Find an environment; raises SettingsError that lists the known ones."""
        if name in self.environments:
            return self.environments[name]
        from difflib import get_close_matches

        near = get_close_matches(name, list(self.environments), 1) or list(self.environments)
        raise SettingsError(
            f"tagship.toml has no environment {cut(name)!r}. It has: {', '.join(self.environments)}.",
            remedy=f"Name one of them: --env {near[0]}",
        )

    def images_of(self, environment: str) -> dict[str, Image]:
        """Return the images that an environment runs, by name.

        Its own, of its table `image`, has the name "".
        """
        chosen = self.environment(environment)
        return {name: self.images[name].of(environment) if name else chosen.image for name in chosen.target.images}

    def static_sets(self, environment: str) -> list[str]:
        """Name the static sets that an environment serves."""
        return [name for name, chosen in self.static.items() if environment in chosen.environments]

    def sends_figures(self, environment: str) -> bool:
        """Tell whether an environment's figures go to CloudWatch."""
        # A preview's would be metrics, and cost, of a few days.
        chosen = self.metrics
        return chosen.emf and not self.is_preview(environment) and environment in (chosen.environments or [environment])

    def hook(self, environment: str, place: str) -> HookTable | None:
        """Return an environment's hook of a place; None without one."""
        tables = cast("Mapping[str, HookTable]", {**self.hooks, **self.environment(environment).hooks})
        hook = tables.get(place)
        return None if hook is None or hook.skip else hook

    def families(self, environment: str) -> list[str]:
        """Name the families of task definitions that an environment's jobs register."""
        hooks = [self.hook(environment, place) for place in {**self.hooks, **self.environment(environment).hooks}]
        tasks = [hook.task for hook in hooks if hook and hook.task]
        own = {*self.environment(environment).target.stack_families, *(task.family for task in tasks if task.family)}
        return sorted({*own, *(f"{name}{OF_HOOKS}" for name in own if tasks)})

    def is_irreversible(self, environment: str) -> bool:
        """Tell whether the migration of this commit can't be undone."""
        return (hook := self.hook(environment, BEFORE)) is not None and hook.irreversible

    def tag(self, version: object) -> str:
        """Name a version's tag."""
        return self.tags.names.of(version)

    def workflow(self, environment: str) -> str:
        """Name the workflow file that ships to an environment; empty: any."""
        workflow = self.environments[environment].workflow
        return f"deploy-{environment}.yml" if workflow is None else workflow

    def environment_of(self, suffix: str) -> str:
        """Find the environment whose versions have `suffix`. Raises SettingsError."""
        # There may be none, or several.
        owners = [name for name in self.environments if self.suffix(name) == suffix]
        if len(owners) == 1:
            return owners[0]
        problem = f"belongs to {' and '.join(owners)}" if owners else "belongs to no environment"
        raise SettingsError(
            f"The suffix {cut(suffix)!r} {problem} in tagship.toml.",
            remedy=f"Name the environment: --env {(owners or list(self.environments))[0]}",
        )

    def files(self) -> dict[str, bytes]:
        """Make what a bundle carries for its environments: path -> bytes.

        Raises SettingsError for a variable that an app could not be given.
        """
        by_environment = [
            environment.target.files(name, environment, self.account(name).region)
            for name, environment in self.environments.items()
        ]
        return {path: content for files in by_environment for path, content in files.items()}

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        named = table(values, "environments")
        environments = {name: environment for name, environment in named.items() if isinstance(environment, Mapping)}
        yield from unsigned(values, environments)
        yield from attested(table(values, "ci"), environments)
        yield from promoted(table(values, "promotion").get("order", ()), named)
        yield from legacy_problems(values.get("legacy_keys", ()))
        yield from metrics_problems(table(values, "metrics"), environments, table(values, "aws"))
        yield from misplaced(values)
        yield from tasks_without_services(values)
        for name, values_of in environments.items():
            yield from misplaced(values_of, f"environments.{name}.")
        yield from same_channel(environments)
        yield from same_state(environments, table(values, "aws"))
        yield from account_problems(environments, values)
        yield from strange_environments(table(values, "static"), environments)
        yield from cls._missing_packages(table(values, "packages"), environments)
        running = [
            name
            for name, of in environments.items()
            for kind in cls._kinds_in(of)
            if kind.runs_files(table(of, kind.table))
        ]
        yield from nothing_carried(table(values, "bundle"), running)
        used = {name: list(cls._images_in(name, environment)) for name, environment in environments.items()}
        yield from image_tables.problems(table(values, "images"), environments, used)

    @classmethod
    def _kinds_in(cls, environment: Values) -> Iterator[type[Kind]]:
        return (kind for kind in cls.environment_model().kinds().values() if kind.table in environment)

    @classmethod
    def _images_in(cls, name: str, environment: Values) -> Iterator[Finding]:
        """List the keys of an environment that name an image."""
        for kind in cls._kinds_in(environment):
            for place, image in kind.images_in(table(environment, kind.table)):
                yield f"environments.{name}.{kind.table}.{place}", image

    @classmethod
    def _missing_packages(cls, packages: Values, environments: Mapping[str, Values]) -> Iterator[Finding]:
        """Find packages that a target runs and nobody makes."""
        for name, environment in environments.items():
            for kind in cls._kinds_in(environment):
                for place, package in kind.packages_in(table(environment, kind.table)):
                    if package not in packages:
                        yield (
                            f"environments.{name}.{kind.table}.{place}",
                            f"names {shown(package)}, which nothing makes: add [packages.{cut(package)}]",
                        )
