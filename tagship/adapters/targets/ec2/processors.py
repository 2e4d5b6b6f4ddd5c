"""Whether hosts have the processors that an artifact's image is built for, as EC2 and its manifest say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.ec2.instances import Instances
from tagship.domain.image import rebuilt_for
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.text import listed
from tagship.domain.units import Unit

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html, as images name them
PLATFORMS = {"x86_64": "linux/amd64", "x86_64_mac": "linux/amd64", "arm64": "linux/arm64", "arm64_mac": "linux/arm64"}


class HostsOfTags(Protocol):
    """What the check asks of a target of hosts."""

    environment: str

    @property
    def aws(self) -> Aws: ...

    @property
    def _instances(self) -> Instances: ...


class ProcessorCheck:
    """A target of hosts that compares their processors with an image's."""

    def obstacles(
        self: HostsOfTags,
        action: str,
        manifest: Manifest,
        manifest_sha256: str,  # noqa: ARG002 (of the port)
        units: Sequence[Unit],
    ) -> Sequence[Obstacle]:
        """Find hosts whose processors can't run the artifact's image.

        Of all that run, if no units are given.
        """
        # What ran on a host before ran on its processors.
        if action == "rollback" or manifest.image is None or not manifest.image.platforms:
            return ()
        with self.aws.translated(f"looking for the hosts of {self.environment}"):
            running = self._instances.running()
        chosen = {unit.id for unit in units} or {host["InstanceId"] for host in running}
        return list(built_for_another(manifest, [host for host in running if host["InstanceId"] in chosen]))


def built_for_another(manifest: Manifest, instances: Sequence[Any]) -> Iterator[Obstacle]:
    """Find hosts that can't run an artifact's image.

    Nothing is found if the manifest names no platforms, or EC2 no architecture.
    """
    platforms = manifest.image.platforms if manifest.image else {}
    built = {"/".join(platform.split("/")[:2]) for platform in platforms if platform.startswith("linux/")}
    wrong: dict[str, list[str]] = {}
    for instance in instances:
        wanted = PLATFORMS.get(instance.get("Architecture", ""), "")
        if built and wanted and wanted not in built:
            wrong.setdefault(wanted, []).append(str(instance["InstanceId"]))
    for wanted, hosts in wrong.items():
        yield Obstacle(
            f"{listed(sorted(hosts))} {'is' if len(hosts) == 1 else 'are'} {wanted}, and the image of "
            f"{manifest.artifact_id} is built for {listed(sorted(built))}",
            rebuilt_for(wanted),
            artifact=True,
        )
