"""Look at several environments at the same time, and show each in its turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from tagship.domain.text import counted
from tagship.errors import ServiceFailed
from tagship.ports.app import App
from tagship.ports.people import Progress, Screen

AT_ONCE = 16  # environments; AWS's clients have more connections than one look needs

T = TypeVar("T")


@dataclass(frozen=True)
class Missed:
    """An environment whose account could not be reached, and why."""

    environment: str
    reason: ServiceFailed

    @property
    def words(self) -> str:
        return f"not known: {self.reason.what}"


def abreast(
    app: App, environments: Sequence[str], look: Callable[[App, str], T], missed: list[Missed] | None = None
) -> Iterator[T]:
    """Yield what `look` makes of each environment, in their order.

    What a look shows is shown before its value is yielded. An environment that can't be looked at hides no other: a
    line says so in its place, and its error is raised after the last one, unless `missed` takes it.
    """
    if len(environments) == 1:
        yield look(app, environments[0])
        return
    turns = threading.BoundedSemaphore(AT_ONCE)
    looks = [_Look(app, environment, look, turns) for environment in environments]
    with app.screen.live(f"looking at {counted(len(looks), 'environment')}"):
        for current in looks:
            current.start()
        for current in looks:
            current.join()
    for current in looks:
        current.screen.show(app.screen)
        if current.failure is None:
            yield current.answer
        elif isinstance(current.failure, ServiceFailed):
            entry = Missed(current.environment, current.failure)
            app.screen.warn(f"{entry.environment}: {entry.words}")
            if missed is not None:
                missed.append(entry)
                current.failure = None
    for failure in filter(None, (current.failure for current in looks)):
        raise failure


def insist(missed: Sequence[Missed]) -> None:
    """Raise the first error of environments that could not be looked at."""
    for entry in missed:
        raise entry.reason


class Later:
    """A screen that keeps what it is given until its turn comes."""

    def __init__(self) -> None:
        self._kept: list[Callable[[Screen], None]] = []

    @property
    def lost(self) -> str:
        """Lose nothing: the screen that shows it may."""
        return ""

    def show(self, screen: Screen) -> None:
        for put in self._kept:
            put(screen)

    def say(self, text: str = "") -> None:
        self._kept.append(lambda screen: screen.say(text))

    def warn(self, text: str) -> None:
        self._kept.append(lambda screen: screen.warn(text))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._kept.append(lambda screen: screen.table(columns, rows))

    def data(self, value: object) -> None:
        self._kept.append(lambda screen: screen.data(value))

    def document(self, text: str) -> None:
        self._kept.append(lambda screen: screen.document(text))

    def directive(self, line: str) -> None:
        self._kept.append(lambda screen: screen.directive(line))

    @contextmanager
    def aside(self) -> Iterator[None]:
        yield

    @contextmanager
    def live(self, title: str = "") -> Iterator[Progress]:  # noqa: ARG002  # whoever waits shows one title for all
        yield lambda _phase, /, _took=None: None


@dataclass
class Aside:
    """An app whose screen is another; all else is the app's own."""

    app: App
    screen: Screen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)


@dataclass
class _Look(Generic[T]):
    """One environment's look, in a thread that ends with the process."""

    app: App
    environment: str
    look: Callable[[App, str], T]
    turns: threading.BoundedSemaphore
    screen: Later = field(default_factory=Later)
    failure: Exception | None = None
    _answers: list[T] = field(default_factory=list)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"look at {self.environment}", daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    @property
    def answer(self) -> T:
        return self._answers[0]

    def _run(self) -> None:
        with self.turns:
            try:
                self._answers.append(self.look(cast("App", Aside(self.app, self.screen)), self.environment))
            except Exception as reason:  # raised again, once the others were shown
                self.failure = reason
