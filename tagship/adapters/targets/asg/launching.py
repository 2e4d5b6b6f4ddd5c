"""Whether what a group launches can run an artifact: its AMI is there, and of the image's and the types' architecture.

A refresh would find that out by instances that do not start, or that start and run nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.asg.calls import AsgCalls, TemplateVersion
from tagship.adapters.targets.ec2.processors import PLATFORMS
from tagship.domain import aws_commands, commands
from tagship.domain.asg.group import GroupFacts
from tagship.domain.asg.record import VersionLabel
from tagship.domain.image import rebuilt_for
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.text import either, listed
from tagship.errors import ServiceFailed

AMI = "ami-"
LAUNCHABLE = "available"  # of an AMI's states
ANOTHER = "Have infrastructure give the launch template another AMI, or share that one again"


@dataclass(frozen=True)
class LaunchCheck:
    """Compares what groups launch with an artifact's image."""

    aws: Aws
    calls: AsgCalls
    environment: str

    def obstacles(
        self, action: str, manifest: Manifest, manifest_sha256: str, groups: Sequence[GroupFacts]
    ) -> Iterator[Obstacle]:
        """Find groups whose next version could launch nothing that runs the artifact.

        What goes back to a version that ran needs no more than its AMI.
        """
        artifact, back = VersionLabel(manifest.artifact_id, manifest_sha256), action == "rollback"
        fit = {group.name: group for group in groups if not group.unfit}
        chosen = {name: self._next(group, artifact, back=back) for name, group in fit.items()}
        of_images = self._of_images(chosen.values())
        gone = {name: why for name, version in chosen.items() if (why := _why_gone(version, of_images))}
        for name, why in gone.items():
            obstacle = self._unlaunchable(name, chosen[name], artifact, why)
            yield replace(obstacle, warns=_all_run(fit[name], chosen[name]))
        if not back:
            left = {name: version for name, version in chosen.items() if name not in gone}
            yield from self._of_architectures(manifest, fit, left, of_images)

    def launchable(self, version: TemplateVersion) -> bool:
        """Tell whether EC2 shows a version's AMI."""
        return not _why_gone(version, self._of_images([version]))

    def _next(self, group: GroupFacts, artifact: VersionLabel, *, back: bool) -> TemplateVersion:
        """Choose what is launched, or what the next version is made from."""
        now = self.calls.version(group.template, group.version)
        if now and artifact.same(now.label):
            return now
        before = self.calls.made_of(group.template, artifact) if back else None
        return before or self.calls.newest(group.template)

    def _unlaunchable(self, name: str, version: TemplateVersion, artifact: VersionLabel, why: str) -> Obstacle:
        if not artifact.same(version.label):
            see = aws_commands.machine_image(version.image, self.aws.where)
            return Obstacle(f"{name} launches {why}: no instance of it starts", f"{ANOTHER}; see it: {see}")
        again = commands.deploy(artifact.artifact, self.environment, allow_older=True)
        return Obstacle(
            f"{name} ran {artifact.artifact} from version {version.number} of its launch template, which launches "
            f"{why}: no instance of it starts",
            either(
                f"Choose another version: {commands.history(self.environment)}",
                f"Or deploy it, with the AMI that the template names now: {again}",
            ),
        )

    def _of_architectures(
        self,
        manifest: Manifest,
        groups: Mapping[str, GroupFacts],
        versions: Mapping[str, TemplateVersion],
        of_images: Mapping[str, Mapping[str, Any]],
    ) -> Iterator[Obstacle]:
        """Compare AMIs with instance types and with the artifact's image."""
        types = {name: self._types(groups[name], version.type) for name, version in versions.items()}
        of_types = self._of_types({type_ for several in types.values() for type_ in several})
        for name, version in versions.items():
            architecture = str(of_images.get(version.image, {}).get("Architecture", ""))
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

    def _of_images(self, versions: Iterable[TemplateVersion]) -> dict[str, Mapping[str, Any]]:
        """Describe the AMIs of versions, as far as EC2 shows them."""
        images = {version.image for version in versions if version.image.startswith(AMI)}
        if not images:
            return {}
        rows = []
        with self.aws.translated("looking at the AMIs of launch templates"):
            client: Any = self.aws.client("ec2")
            pages = client.get_paginator("describe_images")
            wanted = [{"Name": "image-id", "Values": sorted(images)}]  # one that is gone is no error then
            # A deprecated AMI is launched as ever, and shown to others than its owner only if that is asked for.
            for page in pages.paginate(Filters=wanted, IncludeDeprecated=True, IncludeDisabled=True):
                rows += page["Images"]
        return {row["ImageId"]: row for row in rows}

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


def _all_run(group: GroupFacts, version: TemplateVersion) -> bool:
    """Tell whether every instance was launched from a version."""
    return version.number == group.version and not group.others(group.version)


def _why_gone(version: TemplateVersion, of_images: Mapping[str, Mapping[str, Any]]) -> str:
    """Say why EC2 can't launch from an AMI; empty if it can."""
    image = version.image
    if not image.startswith(AMI):
        return ""
    if image not in of_images:
        return f"{image}, which EC2 does not show: it was deregistered, or is not shared with this account"
    state = str(of_images[image].get("State", LAUNCHABLE))
    return "" if state == LAUNCHABLE else f"{image}, which is {state}"


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
