"""Which CI runs may deploy to an environment after somebody went back: asked beside other work, and briefly."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from tagship.domain.text import counted
from tagship.errors import TagshipError
from tagship.ports.app import App
from tagship.ports.forge import Run

PATIENCE = 2.0  # seconds from the question to going on without an answer: somebody waits to go back
SHOWN = 5  # runs


class Question:
    """The question which runs have not ended, put at once.

    It is put to the forge; a forge that is away holds nothing up.
    """

    def __init__(self, app: App, environment: str) -> None:
        self._app, self._environment = app, environment
        self._answers: list[list[Run] | str] = []
        self._until = time.monotonic() + PATIENCE
        self._asking = threading.Thread(target=self._ask, daemon=True)
        self._asking.start()

    def _ask(self) -> None:
        try:
            forge = self._app.forge
            runs = forge.unfinished() if forge else None
        except TagshipError as reason:
            self._answers.append(reason.what.rstrip("."))
            return
        self._answers.append("there is no token for it" if runs is None else self._concerned(runs))

    def _concerned(self, runs: Sequence[Run]) -> list[Run]:
        """Choose the runs that may deploy to the environment.

        The run that this process is a step of is left out.
        """
        return [run for run in runs if run.id != self._app.ci.run and self._may_deploy(run)]

    def _may_deploy(self, run: Run) -> bool:
        """Tell whether a run may deploy to the environment.

        A run of one of its versions may, and one of its branch whose name says that it deploys.
        """
        settings = self._app.settings
        version = settings.tags.names.version(run.ref)
        if version:
            return version.suffix == settings.suffix(self._environment)
        deploys = any(word in run.name.lower() for word in ("deploy", "promote", "release"))
        return deploys and run.ref == settings.environment(self._environment).branch

    def answer(self) -> list[Run] | str:
        """Return the runs, or why they are not known.

        Within PATIENCE seconds of the question.
        """
        self._asking.join(max(0.0, self._until - time.monotonic()))
        return self._answers[0] if self._answers else f"it did not answer within {PATIENCE:.0f} s"


def say_runs(app: App, environment: str, answer: Sequence[Run] | str, *, held: str, hold: str) -> None:
    """Say which runs may undo a rollback.

    `held` is who holds the environment, `hold` the command that would.
    """
    if isinstance(answer, str):
        app.screen.say(f"CI was not asked which runs are queued: {answer}")
    elif answer:
        app.screen.warn(f"{counted(len(answer), 'CI run')} may deploy to {environment} after this:")
        for run in answer[:SHOWN]:
            app.screen.say(f"  {run.ref} ({run.state}): {run.url}")
        app.screen.say(f"  each will be refused: {held}" if held else f"  to have them refused: {hold}")
