"""What a developer types: tag, deploy-dev, versions."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import number, opened, verb

_VERSION = "the version to make (asked for, or the next patch with --yes, where it is not given)"
_COMMIT = "tag this commit instead of the checked-out one; it must be on the branch"
_YES = "ask nothing: take the suggested version and go ahead"
_FIRST = "there is no version of this channel yet"
_DRY_RUN = "show the plan and stop"
_JSON = "print the result as one JSON document"


@verb(
    help={
        "env": "the environment to release to",
        "version": _VERSION,
        "commit": _COMMIT,
        "yes": _YES,
        "first": _FIRST,
        "dry-run": _DRY_RUN,
        "no-follow": "end after the push",
        "json": _JSON,
    }
)
def deploy_dev(
    _c: Any,
    *,
    env: str = "dev",
    version: str = "",
    commit: str = "",
    yes: bool = False,
    first: bool = False,
    dry_run: bool = False,
    no_follow: bool = False,
    json: bool = False,
) -> None:
    """Tag the next version, push it, and follow it until the environment is healthy."""
    from tagship.verbs import deploy_dev

    app = opened(as_json=json)
    shipped = deploy_dev.deploy_dev(
        app,
        environment=env,
        version=version,
        commit=commit,
        yes=yes,
        first=first,
        dry_run=dry_run,
        follow=not no_follow,
    )
    if json:
        app.screen.data(shipped.to_json())


@verb(
    help={
        "suffix": "the channel, by its versions' suffix (dev of 0.1.30-dev)",
        "env": "the channel, by its environment",
        "version": _VERSION,
        "commit": _COMMIT,
        "yes": _YES,
        "first": _FIRST,
        "undo": "delete the tag --version, here and on the remote, if it is your own",
        "dry-run": _DRY_RUN,
        "json": _JSON,
    }
)
def tag(
    _c: Any,
    *,
    suffix: str = "",
    env: str = "",
    version: str = "",
    commit: str = "",
    yes: bool = False,
    first: bool = False,
    undo: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Tag the next version and push nothing; with --undo, take a tag of your own back."""
    from tagship.verbs import tag
    from tagship.verbs import tag_undo as undoing

    app = opened(as_json=json)
    if undo:
        undone = undoing.tag_undo(app, version=version, yes=yes, dry_run=dry_run)
        document = undone.to_json()
    else:
        channel = tag.channel(app, environment=env, suffix=suffix)
        tagged = tag.tag(
            app, environment=channel, version=version, commit=commit, yes=yes, first=first, dry_run=dry_run
        )
        document = tagged.to_json()
    if json:
        app.screen.data(document)


@verb(
    help={
        "env": "the environment",
        "count": "how many",
        "offline": "do not ask the remote: list what is known here",
        "json": _JSON,
    }
)
def versions(_c: Any, *, env: str = "dev", count: str = "5", offline: bool = False, json: bool = False) -> None:
    """List the latest versions of an environment's channel, and what could come next."""
    from tagship.verbs import versions

    app = opened(as_json=json)
    found = versions.versions(app, environment=env, count=number(count, "--count 5"), offline=offline)
    if json:
        app.screen.data(found.to_json())
