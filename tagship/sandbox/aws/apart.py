"""What a service of the sandbox keeps in each account and region, apart from every other.

A request says both: its key's account, and the region that it was signed for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from moto.core.models import DEFAULT_ACCOUNT_ID

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class AccountRegion:
    """A region of an account."""

    region: str
    account: str = DEFAULT_ACCOUNT_ID

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@dataclass
class Apart(Generic[Kept]):
    """State by account and region; `make` makes each when first asked for."""

    make: Callable[[AccountRegion], Kept]
    made: dict[AccountRegion, Kept] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def at(self, place: AccountRegion) -> Kept:
        with self._making:
            if place not in self.made:
                self.made[place] = self.make(place)
            return self.made[place]

    def of(self, request: Any) -> Kept:
        """Return what a request of moto's is about."""
        return self.at(AccountRegion(request.region, request.current_account))

    def all(self) -> Iterator[Kept]:
        yield from list(self.made.values())
