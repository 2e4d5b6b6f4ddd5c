"""[environments.<name>.ec2.container]: what a container is given beyond its bounds."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from tagship.settings.section import NAME, Section, Text

OWN_OR_NAMED = rf"^({NAME[1:-1]})?$"
CONTAINER = r"^([A-Za-z0-9][A-Za-z0-9_\-]{0,39})?$"


class Container(Section):
    """Its image, and what a container is given beyond its bounds."""

    words: ClassVar[Mapping[str, str]] = {
        CONTAINER: "a container's name as Docker has it: at most 40 letters, digits, hyphens and underscores"
    }

    image: str = Field(default="", pattern=OWN_OR_NAMED)  # of [images.<name>]; empty: the environment's own
    root: bool = False  # true: the image may run as root
    name: str = Field(default="", pattern=CONTAINER)  # of containers: <name>-blue, <name>-green; empty: the app's
    command: tuple[Text, ...] = ()  # in place of the image's CMD
    entrypoint: str = ""  # in place of the image's ENTRYPOINT
    capabilities: tuple[Text, ...] = ()  # of Linux, without CAP_: "NET_RAW"


def texts(value: object) -> list[str]:
    """Return the texts of a list; none if something else is there."""
    return [text for text in value if isinstance(text, str)] if isinstance(value, (list, tuple)) else []
