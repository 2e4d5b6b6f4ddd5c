"""What units' reports add up to: how a deployment ended, and what serves now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain.plan import Plan
from tagship.domain.text import MANY, listed
from tagship.domain.units import Report, Unit


def serves(report: Report, artifact_id: str) -> bool:
    """Whether the host's own verdict names that artifact as serving. Nothing else is called healthy."""
    return report.good and report.serving == artifact_id


@dataclass(frozen=True)
class Ending:
    """What a deployment came to. `kind`: healthy | held | refused | failed | lost; `reason` is the worst host's.

    `held` and `refused` changed nothing anywhere. `failed`: things are as they were. `lost`: something served before,
    and it is not known that anything does now.
    """

    kind: str
    reason: str = ""
    evidence: str = ""


def ending(plan: Plan, reports: Sequence[Report], final: Sequence[Report], stop: str = "") -> Ending:
    """Judge a deployment by what its hosts said of the order, and (`final`) what each says after putting back.

    `stop` is why it was not carried through, where that is known of no host.
    """
    bad = [one for one in reports if not serves(one, plan.artifact_id)]
    if not bad and not stop:
        return Ending("healthy")
    lost = [one for one in final if is_lost(one, plan.runs.get(one.host, ""))]
    for kind, found in (("lost", lost), ("failed", _with(bad, "failed", "rolled-back", "rollback-failed", "silent"))):
        if found:
            return Ending(kind, _reason(plan, found), evidence(plan, bad))
    refused = _with(bad, "refused")
    if refused:
        return Ending("refused", _reason(plan, refused), evidence(plan, refused))
    held = _with(bad, "held")
    if held and len(held) == len(bad):
        return Ending("held", _reason(plan, held))
    return Ending("failed", _reason(plan, bad) if bad else stop, evidence(plan, bad))


def is_lost(report: Report, known: str) -> bool:
    """Whether a host on which something served (by itself, or by the ledger) is not known to serve anything now."""
    if report.outcome in {"held", "refused"} or not (report.previous or known):
        return False
    return report.outcome in {"silent", "rollback-failed"} or not report.serving


def what_serves(hosts: Sequence[Unit], final: Sequence[Report]) -> str:
    """One sentence: what serves now, host by host where they differ."""
    if not final:
        return "No host is there."
    names = {host.id: host.name for host in hosts}
    by_word: dict[str, list[str]] = {}
    for one in final:
        by_word.setdefault(_word(one), []).append(names.get(one.host, one.host))
    if set(by_word) == {"nothing is serving"} and not any(one.previous for one in final):
        return "Nothing was serving before, and nothing is now."
    if len(by_word) == 1:
        return _sentence(next(iter(by_word)))
    return _sentence(", and ".join(f"{word} on {listed(where)}" for word, where in by_word.items()))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _word(report: Report) -> str:
    if report.outcome == "silent":
        return "what is serving is not known"
    if report.outcome in {"held", "refused"} and not report.serving:
        return "nothing was changed"
    return f"{report.serving} is serving" if report.serving else "nothing is serving"


def _with(reports: Sequence[Report], *outcomes: str) -> list[Report]:
    return [one for one in reports if one.outcome in outcomes]


def _reason(plan: Plan, reports: Sequence[Report]) -> str:
    """The first host's reason, and where there are others, which hosts these are."""
    first = reports[0].reason or f"the host said {reports[0].outcome}"
    if len(plan.hosts) == 1:
        return first
    names = {host.id: host.name for host in plan.hosts}
    return f"{listed([names.get(one.host, one.host) for one in reports])}: {first}"


def evidence(plan: Plan, reports: Sequence[Report]) -> str:
    """What each host captured, under its name."""
    names = {host.id: host.name for host in plan.hosts}
    told = [one for one in reports if one.evidence][:MANY]
    return "\n".join(f"--- {names.get(one.host, one.host)} ({one.host})\n{one.evidence.rstrip()}" for one in told)
