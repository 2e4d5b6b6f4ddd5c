"""What a machine is to SSM's agent, and what the agent is given to run. No I/O."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Machine(Protocol):
    """A host, as far as running a script on it goes."""

    @property
    def root(self) -> Path: ...

    @property
    def online(self) -> threading.Event: ...

    def variables(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Script:
    """What a host must run, and its limit in seconds."""

    text: str
    folder: str
    timeout: int
    step: str
