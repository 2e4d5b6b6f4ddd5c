"""The docker client: builds into a file, and pushes what is in one. Commands are argument lists.

buildx builds if it is there, by the builder that the user or a workflow chose, and loads the result into the engine,
from where `docker push` takes it. Without buildx `docker build` does: a client older than 23 has BuildKit built in, and
gets DOCKER_BUILDKIT=1; a newer one falls back to the classic builder by itself, unless DOCKER_BUILDKIT=1 forbids it to:
so that is never set for it.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tagship.domain import commands
from tagship.domain.image import Recipe
from tagship.domain.manifest import ImageRef
from tagship.errors import NotAuthentic, Refused, ServiceFailed
from tagship.ports.images import PLAIN

_ID = re.compile(r"(sha256:)?[0-9a-f]{64}")  # podman leaves the algorithm out


@dataclass(frozen=True)
class Docker:
    """Builds and pushes images; see tagship.ports.images.Builder."""

    inherited: Mapping[str, str]  # the variables of whoever runs it: PATH, HOME, DOCKER_HOST
    program: str = "docker"
    say: Callable[[str], None] = lambda _line: None  # hears what a build and a push say of themselves

    def build(
        self,
        context: Path,
        dockerfile: Path,
        repository: str,
        tag: str,
        *,
        labels: Mapping[str, str],
        arguments: Mapping[str, str],
        to: Path,
        recipe: Recipe = PLAIN,
    ) -> str:
        name, buildx = f"{repository}:{tag}", self._has_buildx()
        if recipe.cache_to and not buildx:
            self.say(f"{self.program} has no buildx, so nothing is written to the cache of {name}")
        given: Any = {"labels": labels, "arguments": arguments, "recipe": recipe}
        command = build_command(context, dockerfile, name, **given, buildx=buildx)
        self._run(command, f"building {name}", shown=True, says=recipe.says)
        if recipe.smoke:
            self._smoke(name, recipe.smoke)
        self._run(["save", "--output", str(to), name], f"saving {name}")
        return self._id(name)

    def _smoke(self, name: str, command: Sequence[str]) -> None:
        """Run a command in a container. Raises Refused if it fails."""
        try:
            self._run(["run", "--rm", name, *command], f"running {shlex.join(command)} in {name}", shown=True)
        except ServiceFailed as reason:
            raise Refused(
                f"{name} was built, but `{shlex.join(command)}` fails in it.",
                state="Nothing was pushed.",
                remedy=f"Fix it, then build again: {commands.build()}",
                evidence=reason.evidence,
            ) from reason

    def _has_buildx(self) -> bool:
        try:
            answer = subprocess.run(
                [self.program, "buildx", "version"], capture_output=True, check=False, env={**self.inherited}
            )
        except FileNotFoundError:  # the build says so
            return False
        return answer.returncode == 0 and b"buildx" in answer.stdout

    def push(self, file: Path, image_id: str, repository: str, tag: str) -> ImageRef:
        name = f"{repository}:{tag}"
        self._run(["load", "--quiet", "--input", str(file)], f"loading {file.name}")
        loaded = self._id(name)
        if loaded != image_id:
            raise NotAuthentic(
                f"{file.name} holds another image than the one that was built: {loaded}, not {image_id}.",
                state="Nothing was pushed.",
                remedy=f"Build it again: {commands.build()}",
            )
        self._run(["push", name], f"pushing {name}", shown=True)
        answer = self._run(["image", "inspect", "--format", "{{json .RepoDigests}}", name], f"looking at {name}")
        return ImageRef(repository, tag, _digest(answer, repository))

    def identity(self, image: ImageRef) -> str:
        self._run(["pull", "--quiet", image.by_digest], f"pulling {image.by_digest}")
        return self._id(image.by_digest)

    def _id(self, name: str) -> str:
        id_ = self._run(["image", "inspect", "--format", "{{.Id}}", name], f"looking at {name}").strip()
        if not _ID.fullmatch(id_):
            raise ServiceFailed(
                f"{self.program} names {name} by {id_[:80]!r}, which is not a digest.",
                remedy=f"See what it says of it: {self.program} image inspect {name}",
            )
        return id_

    def login(self, host: str, user: str, password: str) -> None:
        """Log in to a registry; the password goes through standard input."""
        self._run(["login", "--username", user, "--password-stdin", host], f"logging in to {host}", stdin=password)

    def _run(
        self, arguments: Sequence[str], doing: str, *, stdin: str = "", shown: bool = False, says: str = ""
    ) -> str:
        """Run docker and return its standard output. Raises ServiceFailed.

        `shown` says the program's own progress, line by line.
        """
        # Lambda refuses the index that an attestation makes of an image; an artifact has its own signed provenance.
        environment = {**self.inherited, "BUILDKIT_PROGRESS": "plain", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        try:
            if arguments[0] == "build" and self._defaults_to_the_classic_builder():
                environment.setdefault("DOCKER_BUILDKIT", "1")
            answer = self._answer(arguments, environment, stdin, self._prefixed(says) if shown else None)
        except FileNotFoundError as reason:
            raise Refused(
                f"There is no {self.program} on PATH ({doing}).",
                remedy="Install Docker: https://docs.docker.com/engine/install",
            ) from reason
        if answer.returncode:
            raise _failed(doing, answer.returncode, answer.stderr or "")
        return answer.stdout

    def _prefixed(self, says: str) -> Callable[[str], None]:
        return (lambda line: self.say(says + line)) if says else self.say

    def _answer(
        self, arguments: Sequence[str], environment: Mapping[str, str], stdin: str, say: Callable[[str], None] | None
    ) -> subprocess.CompletedProcess[str]:
        command = [self.program, *arguments]
        if say is None:
            return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=environment)
        with TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.PIPE}
            with subprocess.Popen(command, env=environment, text=True, errors="replace", **pipes) as process:
                for line in process.stderr or ():
                    say(line.rstrip("\r\n"))
            output.seek(0)
            return subprocess.CompletedProcess(command, process.returncode, output.read(), "")

    def _defaults_to_the_classic_builder(self) -> bool:
        answer = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=False)
        return older_than_23(answer.stdout)


def older_than_23(version: str) -> bool:
    """Tell whether `docker --version` names a client older than 23."""
    # Debian 12 has 20.10.
    match = re.search(r"\bversion (\d+)\.", version)
    return match is not None and int(match[1]) < 23


def build_command(
    context: Path,
    dockerfile: Path,
    name: str,
    *,
    labels: Mapping[str, str],
    arguments: Mapping[str, str],
    recipe: Recipe = PLAIN,
    buildx: bool = False,
) -> list[str]:
    """Build docker's argument list: labels and build arguments sorted by name.

    An attestation would make an index of the image, which Lambda refuses; an artifact has its own signed provenance.
    """
    # --load: a builder that a workflow set up keeps its result to itself otherwise.
    program = ["buildx", "build", "--load", "--provenance=false", "--sbom=false"] if buildx else ["build"]
    return [
        *program,
        "--pull",
        "--file",
        str(dockerfile),
        "--tag",
        name,
        *(["--target", recipe.target] if recipe.target else []),
        *(["--platform", recipe.platform] if recipe.platform else []),
        *(part for cache in recipe.cache_from for part in ("--cache-from", cache)),
        *(part for cache in (recipe.cache_to if buildx else ()) for part in ("--cache-to", cache)),
        *(part for key, value in sorted(labels.items()) for part in ("--label", f"{key}={value}")),
        *(part for key, value in sorted(arguments.items()) for part in ("--build-arg", f"{key}={value}")),
        str(context),
    ]


def _digest(answer: str, repository: str) -> str:
    """Return the digest that a push gave the image in `repository`.

    `answer` is docker's JSON: ["repository@sha256:…"].
    """
    references: list[str] = json.loads(answer) or []
    digests = [reference.split("@", 1)[1] for reference in references if reference.split("@", 1)[0] == repository]
    if len(digests) != 1:
        raise ServiceFailed(
            f"docker did not report the digest that it pushed to {repository}.",
            remedy=f"Run the same command again: {commands.build()}",
        )
    return digests[0]


def _failed(doing: str, code: int, errors: str) -> ServiceFailed:
    return ServiceFailed(
        f"docker failed with exit {code} ({doing}).",
        state="Nothing is deployed; an image that was pushed stays, and the next run reuses it.",
        remedy=f"Fix what docker says above, then run the same command again: {commands.build()}",
        evidence=errors,
    )
