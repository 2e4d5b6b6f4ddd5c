"""[report]: where `inv report` puts its page."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from tagship.settings.section import Finding, Section, Values, outside

PAGE = "index.html"
BUCKET_OR_NONE = r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$"
PREFIX = r"^([A-Za-z0-9!_.*'()/-]{0,500}/)?$"


class ReportPlaces(Section):
    """Where the page goes: a folder that Pages serves, or a bucket."""

    words: ClassVar[Mapping[str, str]] = {
        BUCKET_OR_NONE: "a bucket's name",
        PREFIX: "the beginning of keys, with a slash at its end",
    }

    folder: str = ""  # relative to the repository's top; empty: none
    bucket: str = Field(default="", pattern=BUCKET_OR_NONE)  # empty: none
    prefix: str = Field(default="", pattern=PREFIX)

    @property
    def page(self) -> str:
        """Return bucket/key of the page; empty without a bucket."""
        return f"{self.bucket}/{self.prefix}{PAGE}" if self.bucket else ""

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        yield from outside("folder", [values.get("folder")])
