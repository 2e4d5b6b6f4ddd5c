"""How a version is known to serve: what is asked, how often, and which answers are good."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from tagship.domain.health import Accepted
from tagship.settings.late import late
from tagship.settings.section import Finding, Section, Values, number

PATH = r"^/[A-Za-z0-9/_.\-]*$"
VERSION_KEY = r"^([A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*)?$"
URL = late(r"^(https?://\S+)?$")
STATUS = r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"
GOOD = ("200-299",)


def _as_text(value: object) -> object:
    """Turn a number into text: a status may be a range."""
    return json.dumps(value) if type(value) is int else value


Status = Annotated[str, StringConstraints(pattern=STATUS), BeforeValidator(_as_text)]
WORDS = {
    PATH: "a path such as /healthz",
    VERSION_KEY: "a key of a JSON object, or the way to one: build.version; empty: the answer names no version",
    STATUS: 'a status such as 204, or several: "200-299"',
}


class GoodAnswers(Section):
    """Which answers over HTTP are good."""

    words: ClassVar[Mapping[str, str]] = WORDS

    status: tuple[Status, ...] = GOOD
    redirects: bool = False  # true: a redirect is a good answer too; it is never followed

    @property
    def accepts_more(self) -> bool:
        """Tell whether the good statuses are not just 2xx."""
        return self.redirects or self.status != GOOD

    def accepted(self, version_key: str) -> Accepted:
        """Return which answers are good; with a key they name a version."""
        codes = (*self.status, "300-399") if self.redirects else self.status
        return Accepted(codes, names_version=bool(version_key))


class Health(GoodAnswers):
    """How a version is known to serve.

    `attempts` requests, with min(2^(n-1), cap) seconds between them.
    """

    kind: Literal["http", "alive"] = "http"  # how hosts are asked
    path: str = Field(default="/healthz", pattern=PATH)
    version_key: str = Field(default="version", pattern=VERSION_KEY)
    seconds: int = Field(default=0, ge=0, le=3600)  # of kind alive: how long it has to stay up
    attempts: int = Field(default=15, ge=1, le=60)
    attempts_after_rollback: int = Field(default=5, ge=1, le=60)
    passes: int = Field(default=2, ge=1, le=10)
    settled: int = Field(default=7, ge=0, le=60)  # the same bad answers in a row that are final; 0: never
    timeout: int = Field(default=3, ge=1, le=60)  # seconds, each request
    cap: int = Field(default=60, ge=1, le=300)  # seconds, the longest wait
    url: str = Field(default="", pattern=URL)  # asked from outside by `verify`, if given

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        passes = number(values, "passes", cls)
        for key in ("attempts", "attempts_after_rollback"):
            attempts = number(values, key, cls)
            if passes > attempts:
                yield key, f"is {attempts}, which can never hold health.passes = {passes} in a row"
        yield from of_redirects(values, "version")
        yield from of_alive(values)


def of_redirects(values: Values, default: str = "") -> Iterator[Finding]:
    """Find redirects that would have to name a version."""
    if values.get("redirects") is True and values.get("version_key", default):
        yield "redirects", 'are allowed, and a redirect names no version: set version_key = ""'


def of_alive(values: Values) -> Iterator[Finding]:
    """Find seconds without the kind that counts them, or that kind without."""
    alive: Any = values.get("kind") == "alive"
    if alive and not values.get("seconds"):
        yield "seconds", 'is missing: how long it has to stay up, with kind = "alive"'
    if values.get("seconds") and not alive:
        yield "seconds", 'is how long it has to stay up: set kind = "alive"'
