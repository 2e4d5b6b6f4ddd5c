"""why-not: every gate between a version and an environment, open or shut, each with the way through.

The gates are the guards of deploy themselves, asked one by one: a guard that refuses is a gate that is shut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tagship.domain import commands, gates
from tagship.domain.deployment import Deployment, serving
from tagship.domain.gates import Gate
from tagship.domain.manifest import Manifest
from tagship.domain.text import counted, moment
from tagship.domain.units import noun_of
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId
from tagship.engine.acquire import not_held
from tagship.engine.artifacts import verified
from tagship.engine.gates import require_good, require_newer, require_unfrozen, why_bad
from tagship.engine.plan import reachable, recent
from tagship.engine.scope import named
from tagship.engine.session import observe
from tagship.errors import Refused, TagshipError
from tagship.ports.app import App


@dataclass(frozen=True)
class WhyNot:
    """The gates between a version and an environment: what is said of the version first, then of the environment."""

    environment: str
    version: str
    gates: Sequence[Gate]

    def as_data(self) -> dict[str, object]:
        return {
            "environment": self.environment,
            "version": self.version,
            "open": all(one.open for one in self.gates),
            "gates": [one.as_data() for one in self.gates],
        }

    def insist(self) -> None:
        """Raises Refused where a gate is shut."""
        gates.refuse(self.gates, self.version, self.environment)


def why_not(app: App, *, env: str, version: str) -> WhyNot:
    """Ask at every gate; nothing is changed."""
    artifact_id, environment = named(app, version, env, "--version")
    asked = _Asked(app, environment, artifact_id)
    found = WhyNot(environment, str(artifact_id), [_gate(name, ask) for name, ask in asked.gates().items()])
    rows = [row for one in found.gates for row in one.rows()]
    app.screen.table(("", "GATE", ""), rows)
    if all(one.open for one in found.gates):
        app.screen.say(f"Nothing stands between {version} and {env}: {commands.deploy(artifact_id, environment)}")
    return found


def _gate(name: str, ask: Callable[[], str]) -> Gate:
    """A guard as a gate: what it says where it lets one through, or why it does not."""
    try:
        return Gate(name, found=ask())
    except TagshipError as reason:
        return Gate(name, problem=reason.what, remedy=reason.remedy)


@dataclass
class _Asked:
    """What is asked of one version and one environment; each answers in a few words, or raises why not."""

    app: App
    environment: str
    artifact_id: ArtifactId
    manifest: Manifest | None = None

    def gates(self) -> dict[str, Callable[[], str]]:
        history = recent(self.app, self.environment)
        return {
            "artifact": self._artifact,
            "branch": self._branch,
            "not bad": lambda: self._not_bad(history),
            "not older": lambda: self._not_older(serving(history)),
            "units": self._units,
            "not running": lambda: self._not_running(serving(history)),
            "no freeze": self._no_freeze,
            "lease": lambda: not_held(self.app, self.environment, self._again),
        }

    @property
    def _again(self) -> str:
        return commands.deploy(self.artifact_id, self.environment)

    def _artifact(self) -> str:
        stored = verified(self.app, self.environment, self.artifact_id)
        self.manifest = stored.manifest
        how = "signed" if stored.signed else f"UNSIGNED, which {self.environment} allows"
        return f"stored and {how}, built {moment(self.manifest.build_time)} UTC at {self.manifest.commit[:8]}"

    def _branch(self) -> str:
        """A version of the environment's own channel comes from its branch; one of another channel was promoted."""
        wanted, version = self.app.settings.environment(self.environment).branch, self.artifact_id.version
        if self.manifest is None:
            return "not known without the artifact"
        if version and version.suffix != self.app.settings.suffix(self.environment):
            return f"of the channel {version.suffix or 'of final releases'}, promoted"
        if wanted and self.manifest.branch and self.manifest.branch != wanted:
            raise Refused(
                f"It was built from {self.manifest.branch}, and {self.environment} takes what comes from {wanted}.",
                remedy=f"Merge it into {wanted}, and ship it from there: {commands.deploy_dev(self.environment)}",
            )
        return f"built from {self.manifest.branch}" if self.manifest.branch else "not known"

    def _not_bad(self, history: Sequence[Deployment]) -> str:
        artifact = self.artifact_id
        bad = why_bad(self.app, self.environment, artifact, history)
        if bad and not bad.by_hand:
            return f"{bad.why} (deploying it again is a person's decision, and it is not promoted)"
        require_good(self.environment, artifact, bad, self._again)
        return "nobody says that it is"

    def _not_older(self, runs: str) -> str:
        built = self.manifest.build_time if self.manifest else ""
        require_newer(self.app, self.environment, self.artifact_id, built, runs)
        return f"{runs} runs" if runs else "nothing runs"

    def _units(self) -> str:
        return f"{len(reachable(self.app, self.environment))} reachable"

    def _not_running(self, runs: str) -> str:
        """Shut only by the word of every unit that can be asked: what the ledger alone says may be mended."""
        if runs != self.artifact_id:
            return f"{runs or 'nothing'} is what the ledger says"
        units = [unit for unit in self.app.target(self.environment).units() if unit.online]
        noun = noun_of(units)
        with self.app.screen.live(f"asking {counted(len(units), noun)} what they run") as phase:
            reports = observe(self.app, self.environment, units, phase)
        if reports and all(serves(report, runs) for report in reports):
            raise Refused(
                f"{runs} runs on {self.environment} already: every {noun} says so.",
                remedy=f"There is nothing to do. See it: {commands.status(self.environment)}",
            )
        return f"the ledger says that it runs, and not every {noun} does"

    def _no_freeze(self) -> str:
        require_unfrozen(self.app, self.environment)
        return "nobody has frozen it"
