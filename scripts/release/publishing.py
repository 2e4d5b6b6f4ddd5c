"""The GitHub release of a version: a draft, its files, and only then published. Run again, it goes on.

https://docs.github.com/rest/releases/releases and /rest/releases/assets
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tagship.adapters.github_client import Client
from tagship.errors import NotAuthentic


def publish(client: Client, version: str, notes: str, files: Sequence[Path]) -> str:
    """Publish a release with its files; returns its page.

    Raises NotAuthentic if it is out already with other files, ServiceFailed.
    """
    release = _release(client, version, notes)
    for file in files:
        _attach(client, release, file)
    if release["draft"]:
        release = client.ask("PATCH", f"/releases/{release['id']}", {"draft": False}).json()
    return str(release["html_url"])


def _release(client: Client, version: str, notes: str) -> Mapping[str, Any]:
    """Find the tag's release, drafts included, or make a draft."""
    releases: list[dict[str, Any]] = client.ask("GET", "/releases?per_page=100").json()
    same = [release for release in releases if release["tag_name"] == version]
    if same:
        return same[0]
    draft = {"tag_name": version, "name": f"tagship {version}", "body": notes, "draft": True, "prerelease": False}
    made: dict[str, Any] = client.ask("POST", "/releases", draft).json()
    return made


def _attach(client: Client, release: Mapping[str, Any], file: Path) -> None:
    """Upload a file, unless that very file is there."""
    content = file.read_bytes()
    there = next((asset for asset in release.get("assets") or () if asset["name"] == file.name), None)
    if there and there.get("digest") == f"sha256:{hashlib.sha256(content).hexdigest()}":
        return
    if there and not release["draft"]:
        raise NotAuthentic(
            f"The release {release['tag_name']} is out with another {file.name}.",
            state="The release stays as it is.",
            remedy=f"Find out who put it there: {release['html_url']}",
        )
    if there:  # of a draft: an upload that was cut off
        client.ask("DELETE", f"/releases/assets/{there['id']}")
    client.upload(f"{str(release['upload_url']).partition('{')[0]}?name={quote(file.name)}", content)
