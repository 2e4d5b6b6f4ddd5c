"""What is going to happen to an environment's hosts, and what their answers add up to. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.domain.deployment import Deployment
from tagship.domain.hosts import Host, HostReport

NOTHING = "none"  # how an order spells an artifact, a digest or a deployment that it does not name


@dataclass(frozen=True)
class Plan:
    """One deployment, before anything happens: shown, and (where it is no dry run) carried out.

    `runs` is the ledger's word for what each host runs now, by host id; `replaces` its word for the environment.
    """

    action: str  # deploy | rollback
    environment: str
    artifact_id: str
    manifest_sha256: str
    hosts: tuple[Host, ...]
    runs: Mapping[str, str]
    replaces: str

    def rows(self) -> list[list[str]]:
        """A line for each host: its name, its id, what it runs, what it will run."""
        return [
            [host.name, host.id, self.runs.get(host.id) or "nothing known", self.artifact_id] for host in self.hosts
        ]

    def as_data(self) -> dict[str, object]:
        return {
            "action": self.action,
            "environment": self.environment,
            "artifact": self.artifact_id,
            "manifest_sha256": self.manifest_sha256,
            "replaces": self.replaces,
            "hosts": [{"id": host.id, "name": host.name, "runs": self.runs.get(host.id, "")} for host in self.hosts],
        }


def told(deployments: Sequence[Deployment]) -> dict[str, str]:
    """What each host runs by the ledger's last word of it, by host id."""
    runs: dict[str, str] = {}
    for deployment in deployments:
        for entry in deployment.entries:
            for host in entry.details.get("hosts", ()):
                if host["outcome"] != "silent":
                    runs[host["host"]] = host["serving"]
    return runs


def serves(report: HostReport, artifact_id: str) -> bool:
    """Whether the host's own verdict names that artifact as serving. Nothing else is called healthy."""
    return report.good and report.serving == artifact_id


def to_put_back(reports: Sequence[HostReport], artifact_id: str) -> list[HostReport]:
    """The hosts that this deployment changed over and that have something to go back to, the last one first."""
    changed = [one for one in reports if one.outcome == "healthy" and one.serving == artifact_id]
    return [one for one in reversed(changed) if one.previous not in {"", artifact_id}]


@dataclass(frozen=True)
class Ending:
    """What a deployment came to. `kind`: healthy | held | refused | failed | lost; `reason` is the worst host's.

    `held` and `refused` changed nothing anywhere. `failed`: things are as they were. `lost`: something served before,
    and it is not known that anything does now.
    """

    kind: str
    reason: str = ""
    evidence: str = ""


def ending(plan: Plan, reports: Sequence[HostReport], final: Sequence[HostReport]) -> Ending:
    """Judge a deployment by what its hosts said of the order, and (`final`) what each says after putting back."""
    bad = [one for one in reports if not serves(one, plan.artifact_id)]
    if not bad:
        return Ending("healthy")
    lost = [one for one in final if is_lost(one, plan.runs.get(one.host, ""))]
    for kind, found in (("lost", lost), ("failed", _with(bad, "failed", "rolled-back", "rollback-failed", "silent"))):
        if found:
            return Ending(kind, _reason(found[0]), _evidence(plan, bad))
    refused = _with(bad, "refused")
    if refused:
        return Ending("refused", _reason(refused[0]), _evidence(plan, refused))
    held = _with(bad, "held")
    if len(held) == len(bad):
        return Ending("held", _reason(held[0]))
    return Ending("failed", _reason(bad[0]), _evidence(plan, bad))


def is_lost(report: HostReport, known: str) -> bool:
    """Whether a host on which something served (by itself, or by the ledger) is not known to serve anything now."""
    if report.outcome in {"held", "refused"} or not (report.previous or known):
        return False
    return report.outcome in {"silent", "rollback-failed"} or not report.serving


def what_serves(hosts: Sequence[Host], final: Sequence[HostReport]) -> str:
    """One sentence: what serves now, host by host where they differ."""
    names = {host.id: host.name for host in hosts}
    by_word: dict[str, list[str]] = {}
    for one in final:
        by_word.setdefault(_word(one), []).append(names.get(one.host, one.host))
    if set(by_word) == {"nothing is serving"} and not any(one.previous for one in final):
        return "Nothing was serving before, and nothing is now."
    if len(by_word) == 1:
        return _sentence(next(iter(by_word)))
    return _sentence(", and ".join(f"{word} on {', '.join(where)}" for word, where in by_word.items()))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _word(report: HostReport) -> str:
    if report.outcome == "silent":
        return "what is serving is not known"
    if report.outcome in {"held", "refused"} and not report.serving:
        return "nothing was changed"
    return f"{report.serving} is serving" if report.serving else "nothing is serving"


def _with(reports: Sequence[HostReport], *outcomes: str) -> list[HostReport]:
    return [one for one in reports if one.outcome in outcomes]


def _reason(report: HostReport) -> str:
    return report.reason or f"the host said {report.outcome}"


def _evidence(plan: Plan, reports: Sequence[HostReport]) -> str:
    """What each host captured, under its name."""
    names = {host.id: host.name for host in plan.hosts}
    told = [one for one in reports if one.evidence]
    return "\n".join(f"--- {names.get(one.host, one.host)} ({one.host})\n{one.evidence.rstrip()}" for one in told)
