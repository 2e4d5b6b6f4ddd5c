"""What is so, looked up without the command under test: origin, this clone, the bucket, and what answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults import onhost
from tests.faults.ground import APP, Environment
from tests.faults.watch import version
from tests.sandbox.conftest import git


@dataclass(frozen=True)
class Facts:
    """What an environment's world was at one moment.

    `bucket` maps keys to ETags, without the lease, whose holder is `holder`: a deployment, or nobody. `acted` are the
    deployments that hosts acted for, `commands` how many were sent to them.
    """

    origin: Mapping[str, str]
    tags: Mapping[str, str]
    bucket: Mapping[str, str]
    holder: str
    serving: str
    acted: frozenset[str]
    commands: int
    files: tuple[str, ...] = ()

    @property
    def lasting(self) -> tuple[object, ...]:
        """All but the lease, which frees itself, and what was sent to hosts, which may have come to nothing."""
        return self.origin, self.tags, self.bucket, self.serving, self.files

    def objects(self, folder: str) -> Mapping[str, str]:
        """The objects whose key has that folder, as `_ledger`."""
        return {key: etag for key, etag in self.bucket.items() if f"/{folder}/" in key}


def look(here: Environment) -> Facts:
    """Look everything up. What CI does meanwhile is part of it."""
    app = here.app
    keys = {stored.key: stored.etag for stored in app.store.list(f"{APP}/") if _is_of(here.name, stored.key)}
    seen = app.leases.look(here.name)
    sent = app.aws.client("ssm").list_commands(InstanceId=here.host.id)["Commands"]
    return Facts(
        origin=_refs(git(here.work, "ls-remote", "origin"), here.name),
        tags=_refs(git(here.work, "for-each-ref", "--format=%(objectname)%09%(refname)", "refs/tags"), here.name),
        bucket=keys,
        holder=seen.record.deployment_id if seen and seen.held else "",
        serving=version(here.host.port),
        acted=frozenset(line["deployment"] for line in onhost.journal(here.host.root, APP)) - {"none"},
        commands=len(sent),
        files=tuple(sorted(path.name for path in (here.work / "infra").iterdir())),
    )


def _is_of(environment: str, key: str) -> bool:
    named = f"/{environment}/" in key or key.endswith(f"/{environment}.json")
    return named and "/_lease/" not in key


def _refs(listed: str, environment: str) -> dict[str, str]:
    """The branch, and the environment's own tags: another environment's run may go on."""
    pairs = (line.split("\t") for line in listed.splitlines())
    return {ref: oid for oid, ref in pairs if ref == "refs/heads/main" or ref.endswith(f"-{environment}")}
