"""The workflows of a team's pipelines beside the one of a pushed tag: rendered for the environments of its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.domain.forge import variable
from tagship.domain.github_attestation import REQUIRED
from tagship.scaffold.app_folder import AppFolder
from tagship.scaffold.rendering import render
from tagship.settings import Settings
from tagship.settings.trust import BUILT, UNIFIED

PLANS = "AWS_PLAN_ROLE_ARN_"  # and an environment's name: what its plans are read with
OUTPUTS = (
    "should_deploy", "environment", "version", "image_tag", "tag", "skip_build", "commit", "approval", "after",
    "reason",
)  # fmt: skip
OF_PREVIEWS = (
    "should_deploy", "environment", "version", "image_tag", "commit", "should_close", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Attesting:
    """What GitHub attests: files, and with `images` these too."""

    images: bool = False


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
    previews: bool = False
    infra: Mapping[str, str] = field(default_factory=dict)  # environments that Terraform makes, each with its folder
    place: AppFolder = field(default_factory=lambda: AppFolder(""))
    attest: Attesting | None = None

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield each workflow's file name and content."""
        yield from self._of_versions()
        if self.previews:
            yield from self.of_pull_requests()
        yield from self.of_infrastructure()

    def of_infrastructure(self) -> Iterator[tuple[str, bytes]]:
        """Yield the workflow that plans, if Terraform makes anything."""
        if not self.infra:
            return
        base = f"{self.place.folder}/" if self.place.folder else ""
        paths = [*sorted({f"{base}{folder}/**" for folder in self.infra.values()}), f"{base}tagship.toml"]
        # A variable of the repository: a pull request's job is in no environment of GitHub's.
        roles = {env: f"{PLANS}{env.upper().replace('-', '_')}" for env in self.infra}
        planned = {env: variable(role, self.place.app, self.place.folder) for env, role in roles.items()}
        yield f"{self.place.own}infra.yml", render("infra.yml", **self._common, infra_paths=paths, planned=planned)

    def of_pull_requests(self) -> Iterator[tuple[str, bytes]]:
        """Yield the workflows that make previews, and take them away."""
        common = {**self._common, "outputs": OF_PREVIEWS}
        yield f"{self.place.own}preview.yml", render("preview.yml", **common)
        yield f"{self.place.own}preview-sweep.yml", render("preview-sweep.yml", **common)

    @property
    def _common(self) -> dict[str, Any]:
        own = self.place.own
        common: dict[str, Any] = {**self.place.values, "run": self.run, "outputs": OUTPUTS, "attest": self.attest}
        common["app_build"] = self.app_build
        common |= {"action": self.place.action if own else self.action}
        return common | {"within": [f"{self.place.folder}/**", f".github/workflows/{own}*"] if own else []}

    def _of_versions(self) -> Iterator[tuple[str, bytes]]:
        own, common = self.place.own, self._common
        common |= {"branches": list(self.branches), "environments": list(self.environments)}
        if len(self.order) > 1:
            built, *later = self.order[-2:]
            names = {"env": built, "next": later[0], "branch": " and ".join(self.branches)}
            yield f"{own}{BUILT}", render("build-and-promote.yml", **common, **names)
            yield f"{own}deploy-{later[0]}.yml", render("deploy-promoted.yml", **common, env=later[0], source=built)
        unified = {"pushed": list(self.pushed), "paths": list(self.paths), "ci": list(self.ci)}
        unified["environments"] = [name for name in self.environments if len(self.order) < 2 or name != self.order[-1]]
        yield f"{own}{UNIFIED}", render("deploy-unified.yml", **{**common, **unified})
        yield from self.of_what_runs()

    def of_what_runs(self) -> Iterator[tuple[str, bytes]]:
        """Yield the workflows that every environment has, whatever ships to it."""
        common = {**self._common, "environments": list(self.environments)}
        for name in ("rollback.yml", "verify.yml", "cleanup.yml"):
            yield f"{self.place.own}{name}", render(name, **common)


def of_settings(settings: Settings, action: str, build: str = "", place: AppFolder | None = None) -> Pipelines:
    """Name what a repository's settings have."""
    order, known = settings.promotion.order, settings.environments
    branches = [known[order[-2]].branch] if len(order) > 1 and known[order[-2]].branch else ["main"]
    own = {chosen.branch for name, chosen in known.items() if name not in order and chosen.branch}
    pushed = sorted(own - set(branches)) or ["staging"]
    chosen = place or AppFolder(settings.app)
    base = f"{chosen.folder}/" if chosen.folder else ""
    paths = [f"{base}{top.rstrip('/')}/**" for top in settings.bundle.include] or [f"{base}**"]
    previews = bool(settings.previews.environment)
    infra = {name: made.infra.directory for name, made in known.items() if made.infra.is_terraform}
    return Pipelines(
        tuple(known),
        action,
        order,
        branches,
        pushed,
        paths,
        app_build=build,
        previews=previews,
        infra=infra,
        place=chosen,
        attest=attesting(settings),
    )


def attesting(settings: Settings) -> Attesting | None:
    """Tell what GitHub has to attest; None if no environment requires it.

    A promotion takes along what an earlier environment's workflow attested, so each of them does.
    """
    environments = settings.environments
    if not any(chosen.require_attestation == REQUIRED for chosen in environments.values()):
        return None
    return Attesting(images=any(settings.images_of(name) for name in environments))
