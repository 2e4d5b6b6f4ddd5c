"""Whether what a group launches can run an artifact: AMI, instance types and image are for one architecture.

A refresh would find that out by instances that do not start, or that start and run nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.asg.calls import AsgCalls
from tagship.adapters.targets.ec2.processors import PLATFORMS
from tagship.domain.asg.group import GroupFacts
from tagship.domain.image import rebuilt_for
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.text import listed
from tagship.errors import ServiceFailed


@dataclass(frozen=True)
class LaunchCheck:
    """Compares what groups launch with an artifact's image."""

    aws: Aws
    calls: AsgCalls

    def obstacles(self, manifest: Manifest, groups: Sequence[GroupFacts]) -> Iterator[Obstacle]:
        """Find groups whose next version could launch nothing that runs the artifact."""
        newest = {group.name: self.calls.newest(group.template) for group in groups if not group.unfit}
        types = {
            name: self._types(group, newest[name].type) for name in newest for group in groups if group.name == name
        }
        of_images = self._of_images({version.image for version in newest.values() if version.image.startswith("ami-")})
        of_types = self._of_types({type_ for several in types.values() for type_ in several})
        for name, version in newest.items():
            architecture = of_images.get(version.image, "")
            wrong = sorted(
                t for t in types[name] if architecture and architecture not in of_types.get(t, {architecture})
            )
            if wrong:
                others = listed(sorted({kind for type_ in wrong for kind in of_types[type_]}))
                yield Obstacle(
                    f"{name} launches {version.image}, which is {architecture}, as {listed(wrong)}, which "
                    f"{'is' if len(wrong) == 1 else 'are'} {others}: no instance of it starts",
                    "Have infrastructure give the launch template an AMI and instance types of one architecture",
                )
            elif problem := _of_artifact(manifest, name, version.image, architecture):
                yield problem

    @staticmethod
    def _types(group: GroupFacts, own: str) -> list[str]:
        """List the instance types that a group launches."""
        overriding = [str(entry["InstanceType"]) for entry in group.overrides if "InstanceType" in entry]
        return overriding or ([own] if own and not group.overrides else [])

    def _of_images(self, images: set[str]) -> dict[str, str]:
        """Map AMIs to their architectures, if EC2 shows them."""
        if not images:
            return {}
        rows = []
        with self.aws.translated("looking at the AMIs of launch templates"):
            client: Any = self.aws.client("ec2")
            pages = client.get_paginator("describe_images")
            wanted = [{"Name": "image-id", "Values": sorted(images)}]  # one that is gone is no error then
            for page in pages.paginate(Filters=wanted):
                rows += page["Images"]
        return {row["ImageId"]: row.get("Architecture", "") for row in rows}

    def _of_types(self, types: set[str]) -> Mapping[str, set[str]]:
        """Map instance types to the architectures that they have."""
        if not types:
            return {}
        try:
            with self.aws.translated("looking at the instance types of launch templates"):
                client: Any = self.aws.client("ec2")
                rows = client.describe_instance_types(InstanceTypes=sorted(types))["InstanceTypes"]
        except ServiceFailed as problem:
            if "InvalidInstanceType" in str(problem):
                return {}
            raise
        return {
            row["InstanceType"]: set(row.get("ProcessorInfo", {}).get("SupportedArchitectures", ())) for row in rows
        }


def _of_artifact(manifest: Manifest, group: str, image: str, architecture: str) -> Obstacle | None:
    """Compare an AMI with the artifact's image."""
    platforms = manifest.image.platforms if manifest.image else {}
    built = {"/".join(platform.split("/")[:2]) for platform in platforms if platform.startswith("linux/")}
    wanted = PLATFORMS.get(architecture, "")
    if not built or not wanted or wanted in built:
        return None
    return Obstacle(
        f"{group} launches {image}, which is {wanted}, and the image of {manifest.artifact_id} is built for "
        f"{listed(sorted(built))}",
        rebuilt_for(wanted),
        artifact=True,
    )
