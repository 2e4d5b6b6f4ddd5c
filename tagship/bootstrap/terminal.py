"""What talks to the person, and to CI; it is there before a repository has settings."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tagship.ports.ci import Ci
    from tagship.ports.people import Prompt, Screen
    from tagship.ports.repository import Surroundings


class Terminal:
    """The person, and CI if that is who runs this."""

    as_json: bool

    @cached_property
    def screen(self) -> Screen:
        from tagship.adapters.terminal import TerminalScreen

        dumb, abridged = os.environ.get("TERM") == "dumb", partial(_as_called, by_path=False)
        return TerminalScreen(as_json=self.as_json, dumb=dumb, spelled=_as_called, abridged=abridged)

    @cached_property
    def prompt(self) -> Prompt:
        from tagship.adapters.prompt import TerminalPrompt

        # Without this the prompt asks the terminal where the cursor is, and waits on terminals that never say.
        os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
        return TerminalPrompt(attended=not (self.ci.running or self.as_json))

    @cached_property
    def ci(self) -> Ci:
        from tagship.adapters.ci_github import connect

        return connect(os.environ, self.screen.directive, self.screen.warn)

    @property
    def given_a_role(self) -> bool:
        """Tell whether a job's own credentials are in its variables."""
        return any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"))


def _as_called(text: str, *, by_path: bool = True) -> str:
    import shutil

    from tagship.domain.called import as_called

    return as_called(text, sys.argv[0], shutil.which, by_path=by_path)


@dataclass(frozen=True)
class Unsettled(Terminal):
    """The ports of a repository that has no settings yet."""

    start: Path
    as_json: bool = False

    @cached_property
    def surroundings(self) -> Surroundings:
        from tagship.adapters.git.surroundings import surroundings

        return surroundings(self.start, os.environ)
