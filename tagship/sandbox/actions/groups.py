"""Concurrency groups of runs and of jobs: one at a time, and those behind it wait in the order in which they came.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#concurrency: without `queue: max` one
waits, and a newer one takes its place. A group's name is the same whether a run or a job names it, in any case.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Ticket:
    """A place in a group; `turn` is set once it comes."""

    group: str
    cancel: Callable[[], None]
    turn: threading.Event = field(default_factory=threading.Event)


class Groups:
    """The lines of every group that somebody is in."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Ticket]] = {}
        self._lock = threading.Lock()

    def enter(self, group: str, cancel: Callable[[], None], *, queue: bool) -> Ticket:
        """Line up; without `queue`, cancel whoever waits.

        An empty name is nobody else's.
        """
        ticket = Ticket(group.lower(), cancel)
        with self._lock:
            line = self._lines.setdefault(ticket.group, deque()) if group else deque[Ticket]()
            replaced = [] if queue else list(line)[1:]
            line.append(ticket)
            if line[0] is ticket:
                ticket.turn.set()
        for other in replaced:
            other.cancel()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give the turn to the next in line."""
        with self._lock:
            line = self._lines.get(ticket.group) if ticket.group else None
            if line and ticket in line:
                line.remove(ticket)
                if line:
                    line[0].turn.set()
                else:
                    del self._lines[ticket.group]
