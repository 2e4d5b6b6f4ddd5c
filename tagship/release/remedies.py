"""The commands that lead on from a release that was pushed. None of them is the one that has just failed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.release import ReleasePlan
from tagship.domain.version import ArtifactId, Version, candidates, is_older
from tagship.engine.gates import why_bad
from tagship.errors import TagshipError
from tagship.ports.app import App
from tagship.release.inspect import ReleaseFacts, Wish


@dataclass(frozen=True)
class Remedies:
    """What leads on from a release that was pushed.

    `number` is the next one that is free, as far as could be asked.
    """

    wish: Wish
    plan: ReleasePlan
    number: Version

    @classmethod
    def of(cls, wish: Wish, plan: ReleasePlan, facts: ReleaseFacts) -> Remedies:
        highest = max(plan.version, facts.highest or plan.version)
        return cls(wish, plan, next(iter(candidates(highest, plan.version.suffix).values())))

    @property
    def look(self) -> str:
        """Look at this very version again.

        What was begun is followed, nothing is pushed.
        """
        return self.wish.spelled(version=str(self.plan.version), commit=self.plan.commit[:12])

    @property
    def rerun(self) -> str:
        """Run its CI run again."""
        return self.wish.spelled(version=str(self.plan.version), commit=self.plan.commit[:12], rerun=True)

    @property
    def anew(self) -> str:
        """Ship the same under a new number.

        A tag that is on the remote already starts no run.
        """
        return self._numbered(self.wish.commit)

    @property
    def mended(self) -> str:
        """Ship the commit that mends it, under a new number.

        It is what is checked out by then.
        """
        return self._numbered("")

    def _numbered(self, commit: str) -> str:
        """Ship a commit under the new number, which is not the first.

        The channel has a version by now.
        """
        return replace(self.wish, first=False).spelled(version=str(self.number), commit=commit)


def needed_env(app: App, environment: str, version: str) -> str:
    """Name the environment if a version's suffix does not; else empty."""
    known = Version.maybe(version)
    owners = [name for name in app.settings.environments if known and app.settings.suffix(name) == known.suffix]
    return "" if owners == [environment] else environment


def ship_again(app: App, plan: ReleasePlan, runs: str, history: list[Deployment]) -> str:
    """Spell what brings a published version back.

    With the flags that its deployment will ask for.
    """
    version = str(plan.version)
    environment = needed_env(app, plan.environment, version)
    try:
        bad = why_bad(app, plan.environment, ArtifactId(version), history) is not None
    except TagshipError:
        bad = False
    if runs and is_older(version, runs):
        return commands.rollback(version, environment, allow_bad=bad)
    return commands.deploy(version, environment, allow_bad=bad)
