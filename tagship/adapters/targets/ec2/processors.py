"""Whether hosts have the processors that an artifact's image is built for, as EC2 and its manifest say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tagship.domain import commands
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.text import either, listed

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html, as images name them
PLATFORMS = {"x86_64": "linux/amd64", "x86_64_mac": "linux/amd64", "arm64": "linux/arm64", "arm64_mac": "linux/arm64"}


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
            either(
                f'Build it for the hosts: platform = "{wanted}" in the image\'s table of tagship.toml',
                f"Then ship the next version: {commands.deploy_dev()}",
            ),
            artifact=True,
        )
