"""[static.<name>]: files served from a bucket, with the headers that rules give them."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from tagship.settings.late import late
from tagship.settings.parts import Part
from tagship.settings.section import Finding, Name, Section, Text, Values, cut, table
from tagship.settings.tables import BUCKET

PREFIX = r"^([A-Za-z0-9][A-Za-z0-9._/-]*/)?$"
TOP = r"^/([A-Za-z0-9._/-]+/)?$"
TAG = r"^[!-+\--~]{1,256}$"  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-by-tags.html
DISTRIBUTION = late(r"^([A-Z0-9]{5,30})?$")
SITE = late(BUCKET)
CacheTag = Annotated[str, StringConstraints(pattern=TAG)]


class HeaderRule(Section):
    """The headers of files whose path fits a pattern."""

    words: ClassVar[Mapping[str, str]] = {TAG: "a cache tag: visible letters, digits and signs, no comma"}

    match: Text  # of the path in the set: "assets/*"; * fits slashes as well
    cache_control: Text
    tags: tuple[CacheTag, ...] = Field(default=(), max_length=50)  # in CloudFront's caches: ["docs"]


class Destination(Section):
    """Where an environment serves the set from."""

    bucket: str = Field(pattern=SITE)
    prefix: str = Field(default="", pattern=PREFIX)  # of the keys, with a slash at its end
    distribution: str = Field(default="", pattern=DISTRIBUTION)  # CloudFront's id; none: nothing is invalidated
    url_path: str = Field(default="/", pattern=TOP)  # under which the distribution serves the set


class Static(Part):
    """A set of static files, which a command may make."""

    keep: int = Field(default=3, ge=1, le=50)  # sets whose files stay: the one that serves, and those before it
    headers: tuple[HeaderRule, ...] = ()  # the first rule that fits decides
    environments: Mapping[Name, Destination] = Field(default_factory=dict)

    def cache_control(self, path: str) -> str:
        """Return the header of the first rule that fits; empty: none."""
        return rule.cache_control if (rule := self._rule(path)) else ""

    def tags(self, path: str) -> tuple[str, ...]:
        """Return the cache tags of the first rule that fits."""
        return rule.tags if (rule := self._rule(path)) else ()

    def _rule(self, path: str) -> HeaderRule | None:
        return next((rule for rule in self.headers if fnmatchcase(path, rule.match)), None)


def strange_environments(sets: Values, environments: Mapping[str, Values]) -> Iterator[Finding]:
    """Find destinations of environments that tagship.toml lacks."""
    for name, chosen in sets.items():
        for environment in table(table({"it": chosen}, "it"), "environments"):
            if environment not in environments:
                place = f"static.{name}.environments.{environment}"
                yield place, f"is of no environment: add [environments.{cut(environment)}] or remove it"
