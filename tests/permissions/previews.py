"""What the jobs of a pull request do with its environment: made by hand here, as their own tool would make it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tagship import bootstrap
from tagship.domain import layout
from tagship.domain.preview import PreviewRecord
from tagship.domain.version import ArtifactId
from tagship.sandbox.play import functions, services
from tagship.settings.ecs import Ecs
from tests.permissions.account import Account
from tests.permissions.stories import Story
from tests.sandbox.conftest import git, post

ROLE, PEOPLE, PREVIEW = "Preview of previews", "People of previews", "pr-51"


def tell(story: Story) -> None:
    """From the first push to the sweep, by the role of previews alone; then a close and a sweep by a person."""
    account = story.account
    _make(account)
    _say(account, "open")
    first, artifact = _ship(story), _ship(story)
    story.act(ROLE, "notify", artifact=artifact, env=PREVIEW)
    story.act(ROLE, "status", env=PREVIEW)
    _say(account, "closed")
    story.act(ROLE, "deploy", fails="Pull request 51 is closed", artifact=first, env=PREVIEW)
    story.act(ROLE, "preview_close", pr="51")
    _swept(story, ROLE)
    _say(account, "open")
    _ship(story)
    story.act(PEOPLE, "preview_close", pr="51")
    _swept(story, PEOPLE)


def _swept(story: Story, role: str) -> None:
    """Sweep, with the record of a preview that was closed long ago."""
    long_ago = "2020-01-01T00:00:00+00:00"
    record = PreviewRecord("shop", "pr-70", 70, "closed", long_ago, long_ago, "ada")
    story.account.app().store.create(layout.preview("shop", "pr-70"), record.to_json())
    story.act(role, "preview_sweep")


def _ship(story: Story) -> str:
    root = story.account.root
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Change a pull request")
    commit, seconds = (
        git(root, "log", "-1", "--date=format-local:%Y%m%d-%H%M%S", f"--format={f}") for f in ("%H", "%cd")
    )
    artifact = f"{commit[:8]}-{seconds}"
    for verb in ("build", "bundle"):
        story.act("nobody", verb, artifact=artifact, env=PREVIEW)
    for verb in ("publish", "infra_apply", "deploy", "verify"):
        story.act(ROLE, verb, artifact=artifact, env=PREVIEW)
    return str(ArtifactId.parse(artifact))


def _make(account: Account) -> None:
    """Make what the preview runs on, with the owner's rights."""
    settings = bootstrap.app(account.root).settings
    chosen = settings.environment(PREVIEW)
    preview = settings.model_copy(update={"environments": {PREVIEW: chosen}})
    functions.seed(preview, account.client, account.running.folder / "images")
    if table := chosen.runs_on(Ecs):
        names = dict.fromkeys(table.services, "")
        nowhere: dict[str, Any] = defaultdict(lambda: lambda _port: "")
        services.make(
            account.client("ecs"), nowhere, table.cluster, chosen.image.repository, names, role=table.roles[0]
        )


def _say(account: Account, state: str) -> None:
    post(account.running, "faults", {"pulls": {"51": state}})
