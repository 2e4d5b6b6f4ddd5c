"""What is going to happen to an environment's hosts, and what their answers add up to. Pure: values in, values out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.domain.deployment import Deployment
from tagship.domain.hosts import Host, HostReport, listed

MANY = 20  # hosts: more are told of by number, not each by name
NOTHING = "none"  # how an order spells an artifact, a digest or a deployment that it does not name


@dataclass(frozen=True)
class Plan:
    """One deployment, before anything happens: shown, and (where it is no dry run) carried out.

    `runs` is the ledger's word for what each host runs now, by host id; `replaces` its word for the environment.
    `fence` is the highest fencing number in the ledger; `settled` says that the deployment of that number has ended.
    `unsigned`: nobody signed the artifact, which the environment allows.
    A plan that `heals` brings hosts to what the ledger says is serving; the `others` run it and are told nothing.
    """

    action: str  # deploy | rollback
    environment: str
    artifact_id: str
    manifest_sha256: str
    hosts: tuple[Host, ...]
    runs: Mapping[str, str]
    replaces: str
    fence: int = 0
    settled: bool = True
    heals: bool = False
    unsigned: bool = False
    others: tuple[Host, ...] = ()

    @property
    def command(self) -> str:
        """What a person types for it."""
        if self.heals:
            return f"inv deploy --heal --env {self.environment}"
        flag = "--to" if self.action == "rollback" else "--artifact"
        return f"inv {self.action} {flag} {self.artifact_id} --env {self.environment}"

    @property
    def label(self) -> str:
        """The artifact as a person is told of it."""
        return f"{self.artifact_id} (UNSIGNED)" if self.unsigned else self.artifact_id

    def stands(self, fence: int) -> bool:
        """Whether nobody can have changed the environment since this was planned, given the lease that covers it."""
        return self.settled and fence == self.fence + 1

    def rows(self) -> list[list[str]]:
        """A line for each host: its name, its id, what it runs, what it will run. Of many, one for each version."""
        if len(self.hosts) > MANY:
            counts = Counter(self.runs.get(host.id) or "nothing known" for host in self.hosts)
            return [[f"{count} hosts", "", runs, self.artifact_id] for runs, count in sorted(counts.items())]
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
            "unsigned": self.unsigned,
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


@dataclass(frozen=True)
class Ending:
    """What a deployment came to. `kind`: healthy | held | refused | failed | lost; `reason` is the worst host's.

    `held` and `refused` changed nothing anywhere. `failed`: things are as they were. `lost`: something served before,
    and it is not known that anything does now.
    """

    kind: str
    reason: str = ""
    evidence: str = ""


def ending(plan: Plan, reports: Sequence[HostReport], final: Sequence[HostReport], stop: str = "") -> Ending:
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


def is_lost(report: HostReport, known: str) -> bool:
    """Whether a host on which something served (by itself, or by the ledger) is not known to serve anything now."""
    if report.outcome in {"held", "refused"} or not (report.previous or known):
        return False
    return report.outcome in {"silent", "rollback-failed"} or not report.serving


def what_serves(hosts: Sequence[Host], final: Sequence[HostReport]) -> str:
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


def _word(report: HostReport) -> str:
    if report.outcome == "silent":
        return "what is serving is not known"
    if report.outcome in {"held", "refused"} and not report.serving:
        return "nothing was changed"
    return f"{report.serving} is serving" if report.serving else "nothing is serving"


def _with(reports: Sequence[HostReport], *outcomes: str) -> list[HostReport]:
    return [one for one in reports if one.outcome in outcomes]


def _reason(plan: Plan, reports: Sequence[HostReport]) -> str:
    """The first host's reason, and where there are others, which hosts these are."""
    first = reports[0].reason or f"the host said {reports[0].outcome}"
    if len(plan.hosts) == 1:
        return first
    names = {host.id: host.name for host in plan.hosts}
    return f"{listed([names.get(one.host, one.host) for one in reports])}: {first}"


def evidence(plan: Plan, reports: Sequence[HostReport]) -> str:
    """What each host captured, under its name."""
    names = {host.id: host.name for host in plan.hosts}
    told = [one for one in reports if one.evidence][:MANY]
    return "\n".join(f"--- {names.get(one.host, one.host)} ({one.host})\n{one.evidence.rstrip()}" for one in told)
