"""What would make a change of functions fail, and can be known before: nothing is changed by asking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tagship.adapters.targets.lambda_.calls import Calls, Missing
from tagship.adapters.targets.lambda_.code import MADE_OF
from tagship.adapters.targets.lambda_.described import IMAGE, ZIP, Configuration
from tagship.adapters.targets.lambda_.watching import Watching
from tagship.domain import aws_commands, commands
from tagship.domain.manifest import Manifest
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
        yield from self._image()
        firing = self.watching.why_firing() if self.action == "deploy" else ""
        if firing:
            yield Obstacle(
                f"new versions get no share of the calls: {firing}",
                f"See why: {aws_commands.alarms(self.watching.alarms)}",
            )

    def of(self, calls: Calls) -> Sequence[Obstacle]:
        """List what is in the way on one function."""
        if self.action != "deploy":
            return []
        try:
            now = calls.configuration()
        except Missing:
            return []  # the units say so
        return [*self._changeable(calls.function, now), *self._architecture(calls.function, now)]

    def _changeable(self, name: str, now: Configuration) -> Iterator[Obstacle]:
        wanted = IMAGE if self.functions[name].image else ZIP
        if now.unfit:
            yield Obstacle(f"{name} can't be changed: {now.unfit}", "Take it out of tagship.toml")
        if now.packaged != wanted:
            yield Obstacle(
                f"{name} was created for {MADE_OF.get(now.packaged, now.packaged)}, and tagship.toml gives it "
                f"{MADE_OF[wanted]}",
                "Have infrastructure make it anew: Lambda changes no function's kind of package",
            )
        if now.state == "Failed":
            yield Obstacle(
                f"{name} is Failed" + (f" ({now.problem})" if now.problem else ""),
                "An update may mend it: what follows says so",
                warns=True,
            )

    def _architecture(self, name: str, now: Configuration) -> Iterator[Obstacle]:
        wanted = PLATFORMS.get(now.architecture, now.architecture)
        if self.functions[name].image and self._platforms and wanted not in self._platforms:
            yield Obstacle(
                f"{name} runs {now.architecture}, and the image of {self.manifest.artifact_id} is built for "
                f"{listed(sorted(self._platforms))}: its first invocation would fail",
                f"Build the image for {wanted}, or make the function for another architecture; then: "
                f"{commands.deploy_dev()}",
                artifact=True,
            )

    @cached_property
    def _platforms(self) -> Mapping[str, str]:
        """Ask once which platforms the image is for; none if nobody says."""
        image = self.manifest.image
        try:
            return self.registry.platforms(image) if image else {}
        except ArtifactMissing:
            return {}  # its status says so

    def _image(self) -> Iterator[Obstacle]:
        """Find an image that no function could run."""
        image = self.manifest.image
        if image is None or not any(function.image for function in self.functions.values()):
            return
        why = self.registry.status(image).why_not_pullable
        if why:
            history = commands.history(self.manifest.environment)
            yield Obstacle(
                f"no function can run {image.by_digest}, which {self.manifest.artifact_id} is made of: {why}",
                either(f"Choose another version: {history}", f"Or ship the next one: {commands.deploy_dev()}"),
                artifact=True,
            )
        elif self.action == "deploy" and image.digest not in {"", *self._platforms.values()} and self._platforms:
            yield Obstacle(
                f"{image.by_digest} is an index of several manifests, and Lambda runs one platform's image alone",
                "Build it with --platform, --provenance=false and --sbom=false",
                artifact=True,
            )
