"""What would make a change of functions fail, and can be known before: nothing is changed by asking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tagship.adapters.targets.lambda_.calls import Calls, Missing
from tagship.adapters.targets.lambda_.code import MADE_OF
from tagship.adapters.targets.lambda_.described import IMAGE, ZIP, Configuration
from tagship.adapters.targets.lambda_.watching import Watching
from tagship.domain import aws_commands
from tagship.domain.image import rebuilt_for
from tagship.domain.manifest import ImageRef, Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.text import either, listed
from tagship.errors import ArtifactMissing
from tagship.ports.images import Registry
from tagship.settings.lambda_ import Function

PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}  # of each architecture of a function


@dataclass(frozen=True)
class FunctionObstacles:
    """Looks for what is in the way of one change.

    A rollback is asked for less: each question delays it, and what it goes back to has run there.
    """

    action: str
    manifest: Manifest
    registry: Registry
    watching: Watching
    functions: Mapping[str, Function]

    def of_all(self) -> Iterator[Obstacle]:
        """List what is in the way of all functions."""
        yield from self._images()
        firing = self.watching.why_firing() if self.action == "deploy" else ""
        if firing:
            yield Obstacle(
                f"new versions get no share of the calls: {firing}",
                f"See why: {aws_commands.alarms(self.watching.alarms, self.watching.aws.where)}",
            )

    def of(self, calls: Calls) -> Sequence[Obstacle]:
        """List what is in the way on one function."""
        if self.action != "deploy":
            return []
        try:
            now = calls.configuration()
        except Missing:
            return []  # the units say so
        return [*self._changeable(calls.function, now), *self._fitting(calls.function, now)]

    def _changeable(self, name: str, now: Configuration) -> Iterator[Obstacle]:
        wanted = IMAGE if self.functions[name].image else ZIP
        if now.unfit:
            yield Obstacle(f"{name} can't be changed: {now.unfit}", "Take it out of tagship.toml")
        if now.packaged != wanted:
            yield Obstacle(
                f"{name} was created for {MADE_OF.get(now.packaged, now.packaged)}, and tagship.toml gives it "
                f"{MADE_OF[wanted]}",
                "Have infrastructure create it again: Lambda can't change a function's package type",
            )
        if now.state == "Failed":
            yield Obstacle(
                f"{name} is Failed" + (f" ({now.problem})" if now.problem else ""),
                "An update may fix it; the lines below show that",
                warns=True,
            )

    def _fitting(self, name: str, now: Configuration) -> Iterator[Obstacle]:
        """Find an image that is an index, or for another architecture."""
        image = self._image_of(self.functions[name])
        platforms = self._platforms(image) if image else {}
        if image is None or not platforms:
            return
        wanted, digest = PLATFORMS.get(now.architecture, now.architecture), image.by_platform.rpartition("@")[2]
        if digest not in platforms.values():
            yield Obstacle(
                f"{image.by_digest} is an index of several manifests, and Lambda runs one platform's image alone",
                rebuilt_for(wanted),
                artifact=True,
            )
        elif platforms.get(wanted) != digest:
            built = sorted(platform for platform, other in platforms.items() if other == digest)
            yield Obstacle(
                f"{name} runs {now.architecture}, and the image of {self.manifest.artifact_id} is built for "
                f"{listed(built)}: its first invocation would fail",
                either(
                    rebuilt_for(wanted),
                    f"Or have infrastructure make {name} for {listed(built)}, and run it again",
                ),
                artifact=True,
            )

    def _image_of(self, function: Function) -> ImageRef | None:
        return self.manifest.every_image.get(function.image_name) if function.image else None

    def _platforms(self, image: ImageRef) -> Mapping[str, str]:
        """Ask for an image's platforms; none if the registry lost it."""
        try:
            return self.registry.platforms(image)
        except ArtifactMissing:
            return {}  # its status says so

    def _images(self) -> Iterator[Obstacle]:
        """Find images that no function could run."""
        images = {image.by_digest: image for function in self.functions.values() if (image := self._image_of(function))}
        for image in images.values():
            status = self.registry.status(image)
            if why := status.why_not_pullable:
                yield Obstacle(
                    f"no function can run {image.by_digest}, which {self.manifest.artifact_id} is made of: {why}",
                    status.ways_on(self.manifest.environment),
                    artifact=True,
                )
