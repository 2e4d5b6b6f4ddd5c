"""[static.<name>]: files served from a bucket, with the headers that rules give them."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from pydantic import Field

from tagship.settings.late import late
from tagship.settings.parts import Part
from tagship.settings.section import Finding, Name, Section, Text, Values, cut, table
from tagship.settings.tables import BUCKET

PREFIX = r"^([A-Za-z0-9][A-Za-z0-9._/-]*/)?$"
TOP = r"^/([A-Za-z0-9._/-]+/)?$"
DISTRIBUTION = late(r"^([A-Z0-9]{5,30})?$")
SITE = late(BUCKET)


class HeaderRule(Section):
    """The headers of files whose path fits a pattern."""

    match: Text  # of the path in the set: "assets/*"; * fits slashes as well
    cache_control: Text


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
        return next((rule.cache_control for rule in self.headers if fnmatchcase(path, rule.match)), "")


def strange_environments(sets: Values, environments: Mapping[str, Values]) -> Iterator[Finding]:
    """Find destinations of environments that tagship.toml lacks."""
    for name, chosen in sets.items():
        for environment in table(table({"it": chosen}, "it"), "environments"):
            if environment not in environments:
                place = f"static.{name}.environments.{environment}"
                yield place, f"is of no environment: add [environments.{cut(environment)}] or remove it"
