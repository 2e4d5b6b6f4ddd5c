"""notify: say what came of the deployment, where people look: the console and the run's summary page."""

from __future__ import annotations

from dataclasses import dataclass

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.history import as_data, outcome
from tagship.domain.text import moment, span
from tagship.engine.plan import MANY, recent
from tagship.engine.scope import named
from tagship.errors import Refused
from tagship.ports.app import App


@dataclass(frozen=True)
class Notified:
    """The deployment that was reported."""

    deployment: Deployment

    def as_data(self) -> dict[str, object]:
        return as_data([self.deployment])[0]


def notify(app: App, *, artifact: str = "", env: str = "") -> Notified:
    """Tell of the latest deployment of an artifact, by the ledger. In CI, that of the pushed tag."""
    artifact_id, environment = named(app, artifact, env)
    found = [one for one in recent(app, environment, MANY) if one.artifact_id == artifact_id]
    if not found:
        raise Refused(
            f"The ledger knows no deployment of {artifact_id} to {environment}.",
            remedy=f"See what ran: {commands.history(environment)}",
        )
    latest = found[-1]
    app.screen.say(_headline(latest))
    app.ci.summarize(_summary(latest))
    return Notified(latest)


def _headline(one: Deployment) -> str:
    """`0.1.30-dev on dev: healthy after 12 s, in place of 0.1.29-dev (deploy by ada@laptop, 2026-11-20 15:53 UTC)`."""
    before = f", in place of {one.last.replaced}" if one.last.replaced else ""
    by = f"{one.first.action} by {one.first.who}, {moment(one.first.at)} UTC"
    return f"{one.label} on {one.first.environment}: {outcome(one)} after {span(one.seconds)}{before} ({by})"


def _summary(one: Deployment) -> str:
    """The run's summary page, in GitHub's Markdown: the headline, each unit, and the evidence of a failure."""
    lines = [f"### {one.label} on {one.first.environment}: {one.state}", "", _headline(one), ""]
    units = one.last.details.get("units", ())
    if units:
        lines += ["| unit | outcome | serving | before | reason |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(_cell(unit.get(key, '')) for key in _COLUMNS)} |" for unit in units]
        lines.append("")
    evidence = next((entry.details["evidence"] for entry in one.entries if entry.details.get("evidence")), "")
    if evidence:
        lines += [
            "<details><summary>evidence</summary>",
            "",
            *(f"    {line}" for line in evidence.split("\n")),
            "",
            "</details>",
            "",
        ]
    return "\n".join(lines)


_COLUMNS = ("unit", "outcome", "serving", "previous", "reason")


def _cell(value: object) -> str:
    """Text from a unit, harmless in a Markdown table."""
    return str(value).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
