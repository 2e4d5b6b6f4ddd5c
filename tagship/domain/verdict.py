"""What units' reports add up to: how a deployment ended, and what serves now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain.plan import Plan
from tagship.domain.text import HEADING, MANY, listed
from tagship.domain.units import Report, Unit, noun_of
from tagship.errors import DeployFailed, Incomplete, RollbackFailed

UNTOUCHED = "nothing was changed"


def serves(report: Report, artifact_id: str) -> bool:
    """Tell whether the unit's own verdict names that artifact as serving."""
    # Nothing else is called healthy.
    return report.good and report.serving == artifact_id


def unserved(artifact_id: str, reports: Sequence[Report]) -> type[Incomplete | DeployFailed | RollbackFailed]:
    """Choose the error if a version does not serve everywhere.

    Incomplete if some units serve it, DeployFailed if all serve another, else RollbackFailed.
    """
    if any(serves(report, artifact_id) for report in reports):
        return Incomplete
    return DeployFailed if all(report.good and report.serving for report in reports) else RollbackFailed


@dataclass(frozen=True)
class Ending:
    """How a deployment ended.

    `kind`: healthy | held | refused | failed | lost; `reason` is the worst unit's. `held` and `refused` changed nothing
    anywhere. `failed`: things are as they were. `lost`: something served before, and it is not known that anything does
    now.
    """

    kind: str
    reason: str = ""
    evidence: str = ""


def ending(plan: Plan, reports: Sequence[Report], final: Sequence[Report], stop: str = "") -> Ending:
    """Judge a deployment by what its units reported.

    `final` is what each unit reports after putting back. `stop` is why it was not carried through, if no unit is the
    reason.
    """
    bad = [report for report in reports if not serves(report, plan.artifact_id)]
    if not bad and not stop:
        return Ending("healthy")
    lost = [report for report in final if is_lost(report, plan.runs.get(report.unit, ""))]
    failed = _with(bad, "failed", "rolled-back", "rollback-failed", "silent")
    for kind, reported in (("lost", lost), ("failed", failed)):
        if reported:
            return Ending(kind, _reason(plan, reported), evidence(plan, bad))
    refused = _with(bad, "refused")
    if refused:
        return Ending("refused", _reason(plan, refused), evidence(plan, refused))
    held = _with(bad, "held", "superseded")
    if held and len(held) == len(bad):
        return Ending("held", _reason(plan, held))
    return Ending("failed", _reason(plan, bad) if bad else stop, evidence(plan, bad))


def is_lost(report: Report, known: str) -> bool:
    """Tell whether a unit that served something may serve nothing now."""
    # It served by its own report, or by the ledger (`known`).
    if report.outcome in {"held", "refused", "superseded"} or not (report.previous or known):
        return False
    return report.outcome in {"silent", "rollback-failed"} or not report.serving


def what_serves(units: Sequence[Unit], final: Sequence[Report], untouched: Sequence[Unit] = ()) -> str:
    """Say in one sentence what serves now.

    Units are named if they differ, or if some are `untouched`: nobody changed them.
    """
    if not final:
        return _none_left(units, untouched)
    names = {unit.id: unit.name for unit in units}
    by_state: dict[str, list[str]] = {}
    for report in final:
        by_state.setdefault(_state(report), []).append(names.get(report.unit, report.unit))
    if untouched:
        by_state.setdefault(UNTOUCHED, []).extend(unit.name for unit in untouched)
    if set(by_state) == {"nothing is serving"} and not any(report.previous for report in final):
        return "Nothing was serving before, and nothing is now."
    if set(by_state) == {UNTOUCHED}:  # the ledger has the attempt
        return f"No {noun_of(units)} was changed."
    if len(by_state) == 1:
        return _sentence(next(iter(by_state)))
    return _sentence(", and ".join(f"{state} on {listed(where)}" for state, where in by_state.items()))


def _none_left(units: Sequence[Unit], untouched: Sequence[Unit]) -> str:
    """Say what serves if every unit that was changed has left."""
    if not untouched:
        return f"No {noun_of(units)} is left."
    return _sentence(f"{UNTOUCHED} on {listed([unit.name for unit in untouched])}")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _state(report: Report) -> str:
    if report.outcome == "silent" or report.unseen:
        return "what is serving is unknown"
    if report.outcome in {"held", "refused", "superseded"} and not report.serving:
        return UNTOUCHED
    return f"{report.serving} is serving" if report.serving else "nothing is serving"


def _with(reports: Sequence[Report], *outcomes: str) -> list[Report]:
    return [report for report in reports if report.outcome in outcomes]


def _reason(plan: Plan, reports: Sequence[Report]) -> str:
    """Give the first unit's reason, and name the units if several."""
    first = reports[0].reason or f"the {plan.noun} said {reports[0].outcome}"
    if len(plan.units) == 1:
        return first
    names = plan.names
    return f"{listed([names.get(report.unit, report.unit) for report in reports])}: {first}"


def evidence(plan: Plan, reports: Sequence[Report]) -> str:
    """Join what each unit captured, under its name."""
    names = plan.names
    return "\n".join(
        f"{HEADING}{names.get(report.unit, report.unit)} ({report.unit})\n{report.evidence.rstrip()}"
        for report in [report for report in reports if report.evidence][:MANY]
    )
