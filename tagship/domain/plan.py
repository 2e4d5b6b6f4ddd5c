"""What is going to happen to an environment's hosts, and what their answers add up to. Pure: values in, values out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.domain.deployment import Deployment
from tagship.domain.text import MANY
from tagship.domain.units import Unit

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
    hosts: tuple[Unit, ...]
    runs: Mapping[str, str]
    replaces: str
    fence: int = 0
    settled: bool = True
    heals: bool = False
    unsigned: bool = False
    others: tuple[Unit, ...] = ()

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


def recorded_runs(deployments: Sequence[Deployment]) -> dict[str, str]:
    """What each host runs by the ledger's last word of it, by host id."""
    runs: dict[str, str] = {}
    for deployment in deployments:
        for entry in deployment.entries:
            for host in entry.details.get("hosts", ()):
                if host["outcome"] != "silent":
                    runs[host["host"]] = host["serving"]
    return runs
