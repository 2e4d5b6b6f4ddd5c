"""Whose account this is, looked at before anything is written there.

A profile or a role that is another account's may do as much harm as any mistake of ours: it may have a host, a function
or a table of the same name. So the first request that could change something asks STS who asks (GetCallerIdentity,
which needs no permission), and every such request is refused if that is another account than tagship.toml names.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tagship.errors import Refused, TagshipError

READS = re.compile(r"(Get|List|Head|Describe|Batch(Get|Check)|Lookup|Search|AssumeRole)[A-Z]")


@dataclass
class Owner:
    """The account of a session; `ask` says which it is."""

    account: str
    ask: Callable[[], str]
    remedy: str
    _actual: str = ""
    _asking: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def watch(self, client: Any) -> None:
        """Have a client refuse what could change another account."""
        client.meta.events.register("before-call", self._require)

    @property
    def other(self) -> str:
        """Return the account of the credentials, if it is another one."""
        # Empty if nobody says: this is asked to explain something else.
        with suppress(TagshipError):
            self._ask_once()
        return self._actual if self._actual != self.account else ""

    def _ask_once(self) -> None:
        with self._asking:
            self._actual = self._actual or self.ask()

    def _require(self, model: Any, **_: Any) -> None:
        if READS.match(model.name):
            return
        self._ask_once()
        if self._actual != self.account:
            raise Refused(
                f"The AWS credentials are of the account {self._actual}, and tagship.toml says {self.account}.",
                state=f"Nothing was sent that could have changed the account {self._actual}.",
                remedy=self.remedy,
            )
