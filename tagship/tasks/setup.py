"""What is done once for an account: `setup`; and for a launch template: `user-data`."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import opened, verb

_JSON = "one JSON document on stdout, everything else on stderr"


@verb(
    help={
        "owner_id": "GitHub's number of the owner, where the repository was created from 2026-07-15",
        "repository_id": "GitHub's number of the repository, with --owner-id",
        "document_only": "install the SSM document and leave everything else to you",
        "dry_run": "show what is missing and what differs, line by line, and stop",
        "json": _JSON,
    }
)
def setup(
    _c: Any,
    owner_id: str = "",
    repository_id: str = "",
    document_only: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Make or update what an AWS account needs: bucket, keys, roles, SSM document."""
    from os import environ

    from tagship.verbs.setup import setup as run

    app = opened(as_json=json)
    result = run(
        app,
        owner_id=owner_id or environ.get("GITHUB_REPOSITORY_OWNER_ID", ""),
        repository_id=repository_id or environ.get("GITHUB_REPOSITORY_ID", ""),
        document_only=document_only,
        dry_run=dry_run,
    )
    if json:
        app.screen.data(result.as_data())


@verb(
    help={
        "env": "the environment that the hosts are of",
        "artifact": "pin the hosts to one artifact; left out, they run what the environment's pointer names",
        "compress": "with --output: gzip it, which cloud-init unpacks",
        "output": "write it to a file; left out, it is printed",
        "json": _JSON,
    }
)
def user_data(
    _c: Any,
    *,
    env: str,
    artifact: str = "",
    compress: bool = False,
    output: str = "",
    json: bool = False,
) -> None:
    """Print what a launch template runs at a host's first boot."""
    from tagship.bootstrap import app
    from tagship.verbs.user_data import user_data as run

    here = app(as_json=json)
    result = run(
        here,
        env=env,
        artifact=artifact,
        compress=compress,
        output=output,
    )
    if json:
        here.screen.data(result.as_data())
    elif not output:
        print(result.script, end="")
