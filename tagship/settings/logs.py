"""[environments.<name>.logs]: where hosts' agents send what the app writes."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from tagship.settings.section import Section

LOG_GROUP = r"^([A-Za-z0-9_/.#-]{1,512})?$"
LOG_STREAM = r"^[^:*]{0,512}$"


class Logs(Section):
    """Where `inv logs` reads what hosts write; others say themselves."""

    words: ClassVar[Mapping[str, str]] = {
        LOG_GROUP: "a log group's name: letters, digits and _ / . # -",
        LOG_STREAM: "the beginning of a log stream's name, without colons and asterisks",
    }

    group: str = Field(default="", pattern=LOG_GROUP)  # empty: hosts are asked for their journals, by SSM
    stream: str = Field(default="{instance_id}", pattern=LOG_STREAM)  # how a host's stream begins, as its agent has it
