"""[images.<name>] and [environments.<name>.image]: the container images that targets run."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints

from tagship.settings.section import Finding, Section, Text, Values, Variable, cut, outside, shown, table

PLATFORM = r"^([a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?)?$"
MOVING = r"^[A-Za-z0-9_{][A-Za-z0-9_.{}-]{0,127}$"
PLACE = "{environment}"
# What `build` gives every image itself.
FACTS = frozenset({"VERSION", "COMMIT_SHA", "BRANCH", "BUILD_TIME", "WORKFLOW_RUN_ID", "PR_NUMBER"})

Severity = Literal["", "low", "medium", "high", "critical"]
MovingTag = Annotated[str, StringConstraints(pattern=MOVING)]


class Image(Section):
    """A container image: where it is pushed, how it is built."""

    words: ClassVar[Mapping[str, str]] = {
        PLATFORM: "a platform such as linux/arm64",
        MOVING: "a tag such as latest-{environment}: letters, digits, dots, hyphens and underscores",
    }

    repository: str = ""
    dockerfile: Text = "Dockerfile"
    context: Text = "."
    target: str = ""  # a stage of the Dockerfile; empty: the last one
    platform: str = Field(default="", pattern=PLATFORM)  # empty: the builder's own
    arguments: Mapping[Variable, str] = Field(default_factory=dict)
    cache_from: tuple[Text, ...] = ()
    cache_to: tuple[Text, ...] = ()
    smoke: tuple[Text, ...] = ()  # a command in a container of what was built
    refuse: Severity = ""  # findings of a scan from which on nothing is deployed; empty: no scan is asked for
    moving_tags: tuple[MovingTag, ...] = ()  # that move to each image that is published

    @property
    def stacked(self) -> str:
        """Name the Dockerfile, and its stage."""
        return f"{self.dockerfile}, stage {self.target}" if self.target else self.dockerfile

    def in_region(self, region: str) -> Self:
        """Return the image as it is in another region."""
        from tagship.domain.image import in_region

        return self.model_copy(update={"repository": in_region(self.repository, region)})

    def moved_tags(self, environment: str) -> list[str]:
        """Fill in the tags that move."""
        return [tag.replace(PLACE, environment) for tag in self.moving_tags]

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        for key in ("dockerfile", "context"):
            yield from outside(key, [values.get(key, "")])
        for name in table(values, "arguments"):
            if name in FACTS:
                yield f"arguments.{name}", "is given by tagship itself: give it another name"


class NamedImage(Image):
    """An image of several; `repositories` are those of environments that have another."""

    repositories: Mapping[str, str] = Field(default_factory=dict)

    def in_region(self, region: str) -> Self:
        from tagship.domain.image import in_region

        named = {name: in_region(repository, region) for name, repository in self.repositories.items()}
        return super().in_region(region).model_copy(update={"repositories": named})

    def of(self, environment: str) -> Image:
        """Return the image as an environment has it."""
        repository = self.repositories.get(environment, self.repository)
        return self.model_copy(update={"repository": repository})


def problems(
    images: Values, environments: Mapping[str, Values], used: Mapping[str, list[Finding]]
) -> Iterator[Finding]:
    """Find images that nobody makes, or that share a repository.

    `used` are the keys of each environment that name an image, with its name.
    """
    for name, image in images.items():
        for environment in table(image, "repositories") if isinstance(image, Mapping) else ():
            if environment not in environments:
                place = f"images.{name}.repositories.{environment}"
                yield place, f"is of no environment: add [environments.{cut(environment)}] or remove it"
    for environment, keys in used.items():
        for place, name in keys:
            if name not in images:
                yield place, f"names {shown(name)}, which nothing makes: add [images.{cut(name)}]"
        yield from _repositories(images, environment, environments[environment], [name for _, name in keys])


def _repositories(images: Values, environment: str, values: Values, names: list[str]) -> Iterator[Finding]:
    own = str(table(values, "image").get("repository", ""))
    owners: dict[str, str] = {own: f"environments.{environment}.image"} if own else {}
    for name in sorted({name for name in names if isinstance(images.get(name), Mapping)}):
        image: Any = images[name]
        repository = str(table(image, "repositories").get(environment) or image.get("repository", ""))
        if not repository:
            yield f"images.{name}.repository", f"is missing: {environment} runs that image, which has to be pushed"
        elif owners.setdefault(repository, f"images.{name}") != f"images.{name}":
            why = f"is that of {owners[repository]} too, and {environment} runs both: their tags would be the same"
            yield f"images.{name}.repository", why
