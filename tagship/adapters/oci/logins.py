"""Whose credential a registry gets: docker's own config file, its helpers, and the GitHub token for GHCR."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
HUB_KEY = "https://index.docker.io/v1/"  # as docker's config file names it
IDENTITY = "<token>"  # the user of a helper's answer that is an identity token
TIMEOUT = 30  # seconds that a helper may take


@dataclass(frozen=True)
class Login:
    """A user and a password, or an identity token to be exchanged."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """Return the value of an Authorization header; empty for an identity token."""
        if self.identity:
            return ""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class DockerLogins:
    """The credentials that `docker login` left; see https://docs.docker.com/reference/cli/docker/login.

    `variables` are those of whoever runs it: DOCKER_CONFIG, HOME, PATH, GITHUB_TOKEN.
    """

    variables: Mapping[str, str]

    def of(self, host: str) -> Login | None:
        """Find a registry's credential; None without one."""
        config, key = self._config(), HUB_KEY if host in HUB else host
        helper = config.get("credHelpers", {}).get(key) or config.get("credsStore")
        login = (self._helped(helper, key) if helper else None) or _written(config.get("auths", {}).get(key))
        token = self.variables.get("GITHUB_TOKEN", "")
        return login or (Login("x-access-token", token) if host == "ghcr.io" and token else None)

    def _config(self) -> dict[str, Any]:
        home = self.variables.get("HOME") or str(Path.home())
        folder = self.variables.get("DOCKER_CONFIG") or str(Path(home) / ".docker")
        try:
            config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return config if isinstance(config, dict) else {}

    def _helped(self, helper: str, key: str) -> Login | None:
        """Ask a credential helper; None if it has nothing."""
        command = [f"docker-credential-{helper}", "get"]
        given: Any = {"input": key, "capture_output": True, "text": True, "timeout": TIMEOUT, "env": {**self.variables}}
        try:
            answer = json.loads(subprocess.run(command, check=True, **given).stdout)
            user, secret = str(answer["Username"]), str(answer["Secret"])
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError):
            return None
        return Login(identity=secret) if user == IDENTITY else Login(user, secret)


def _written(entry: Any) -> Login | None:
    """Read an entry of `auths`; None if it holds no credential."""
    if not isinstance(entry, dict):
        return None
    if entry.get("identitytoken"):
        return Login(identity=str(entry["identitytoken"]))
    try:
        user, colon, password = base64.b64decode(entry.get("auth", "")).decode().partition(":")
    except (binascii.Error, ValueError, TypeError):
        return None
    return Login(user, password.rstrip("\0")) if colon else None
