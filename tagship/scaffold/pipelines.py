"""The workflows of a team's pipelines beside the one of a pushed tag: rendered for the environments of its settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tagship.scaffold.rendering import render
from tagship.settings import Settings
from tagship.settings.trust import BUILT, UNIFIED

OUTPUTS = (
    "should_deploy", "environment", "version", "image_tag", "tag", "skip_build", "commit", "approval", "after",
    "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Pipelines:
    """What the workflows name.

    `order` are the environments that a version goes through, `environments` all of them; `branches` is where the second
    of the order is built from, `pushed` maps nothing: each branch there deploys to its own environment.
    """

    environments: Sequence[str]
    action: str
    order: Sequence[str] = ()
    branches: Sequence[str] = ("main",)
    pushed: Sequence[str] = ("staging",)
    paths: Sequence[str] = ("**",)
    ci: Sequence[str] = ("ci",)
    run: str = "tagship"
    app_build: str = ""

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield each workflow's file name and content."""
        common = {"run": self.run, "action": self.action, "outputs": OUTPUTS, "app_build": self.app_build}
        common |= {"branches": list(self.branches), "environments": list(self.environments)}
        if len(self.order) > 1:
            built, *later = self.order[-2:]
            names = {"env": built, "next": later[0], "branch": " and ".join(self.branches)}
            yield BUILT, render("build-and-promote.yml", **common, **names)
            yield f"deploy-{later[0]}.yml", render("deploy-promoted.yml", **common, env=later[0], source=built)
        unified = {"pushed": list(self.pushed), "paths": list(self.paths), "ci": list(self.ci)}
        unified["environments"] = [name for name in self.environments if len(self.order) < 2 or name != self.order[-1]]
        yield UNIFIED, render("deploy-unified.yml", **{**common, **unified})
        yield "rollback.yml", render("rollback.yml", **common)
        yield "verify.yml", render("verify.yml", **common)


def of_settings(settings: Settings, action: str, build: str = "") -> Pipelines:
    """Name what a repository's settings have."""
    order, known = settings.promotion.order, settings.environments
    branches = [known[order[-2]].branch] if len(order) > 1 and known[order[-2]].branch else ["main"]
    own = {chosen.branch for name, chosen in known.items() if name not in order and chosen.branch}
    pushed = sorted(own - set(branches)) or ["staging"]
    paths = [f"{top.rstrip('/')}/**" for top in settings.bundle.include] or ["**"]
    return Pipelines(tuple(known), action, order, branches, pushed, paths, app_build=build)
