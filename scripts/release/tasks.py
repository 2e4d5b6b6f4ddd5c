"""The tasks: `inv release`, which a person types; release.build and release.publish, which release.yml runs."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.tasks import Task

from tagship.domain.text import counted
from tagship.tasks._verb import command
from tagship.tasks.flags import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.release.cutting import Cut
    from tagship.adapters.git import GitRepository
    from tagship.bootstrap.terminal import Unsettled
    from tagship.ports.account import Verifier

VERSION = Flag("version", "a final version, 0.2.0; left out, the package's own if it is not out, else the next patch")
KEY = Flag("key", "sign the provenance with this private key, a PEM file or kms:<key>; needed once keys.pem is there")
BUILT = Flag("built", "the output `built` of the job that built it: other files are refused")
YES = Flag("yes", "do not ask", False)
DRY_RUN = Flag("dry-run", "say what would be done, and do nothing", False)
DIST = "dist"


@dataclass(frozen=True)
class Place:
    """This checkout, and who looks at it."""

    root: Path
    terminal: Unsettled
    repository: GitRepository

    @property
    def dist(self) -> Path:
        return self.root / DIST

    @property
    def verifier(self) -> Verifier | None:
        """Return who verifies signatures of releases; None if none are made."""
        from scripts.release.sealing import KEYS
        from tagship.adapters.signing import PemVerifier

        return PemVerifier(self.root / KEYS) if (self.root / KEYS).is_file() else None


def here() -> Place:
    """Look at the checkout around the present folder."""
    from tagship import settings
    from tagship.adapters.git import GitRepository
    from tagship.bootstrap.terminal import Unsettled

    root = settings.find(Path.cwd().resolve()).parent
    terminal = Unsettled(root)
    return Place(root, terminal, GitRepository(root, say=terminal.screen.say, inherited=os.environ))


@command(VERSION, KEY, YES, DRY_RUN, of="release", default=True)
def cut(version: str, key: str, yes: bool, dry_run: bool) -> None:
    """Cut a release of tagship: changelog, version, tag. Nothing is pushed."""
    from scripts.release import cutting, sealing

    place = here()
    sealing.required(place.root, key)
    plan = cutting.planned(place.repository, place.root, cutting.wanted(place.repository, place.root, version))
    _show(place, plan)
    if dry_run:
        place.terminal.screen.say("Nothing was changed.")
        return
    _confirm(place, str(plan.version), yes=yes)
    if not plan.done:
        cutting.commit(place.root, plan, datetime.now(UTC).date())
    _tag(place, str(plan.version), key)


def _show(place: Place, plan: Cut) -> None:
    say = place.terminal.screen.say
    entries = [line for line in plan.notes.splitlines() if line.startswith("- ")]
    say(f"{plan.version}, with {counted(len(entries), 'line')} of CHANGELOG.md:")
    for entry in entries[:5]:
        say(f"  {textwrap.shorten(entry, 76, placeholder=' …')}")
    if len(entries) > 5:
        say(f"  and {len(entries) - 5} more")
    if plan.done:
        say(f"The commit “Release {plan.version}” is here already; it is built and tagged.")


def _confirm(place: Place, version: str, *, yes: bool) -> None:
    from tagship.errors import Interrupted, UsageError

    if yes:
        return
    if not place.terminal.prompt.possible:
        raise UsageError("There is no terminal to ask on.", remedy=f"inv release --version {version} --yes")
    if not place.terminal.prompt.confirm(f"Release {version}?"):
        raise Interrupted("Not confirmed.", remedy=f"When it is time: inv release --version {version}")


def _tag(place: Place, version: str, key: str) -> None:
    """Build HEAD, and tag it with the digests of that."""
    from scripts.release import cutting, dist, sealing

    commit = place.repository.resolve("HEAD")
    seconds = cutting.time_of(place.root, commit)
    sums = dist.build(place.repository, commit, seconds, place.dist)
    verifier = place.verifier
    envelope = b""
    if key and verifier:
        made = sealing.Release(version, commit, sums)
        envelope = sealing.seal(made, _signer(place, key), verifier, seconds)
    place.repository.create_tag(version, commit, sealing.message(version, sums, envelope))
    say = place.terminal.screen.say
    for name, digest in sums.items():
        say(f"  {digest}  {name}")
    say(f"{version} is tagged here, and not pushed.")
    say(f"  push it: {cutting.push(version)}")
    say(f"  undo it: git tag --delete {version} && git reset --keep HEAD~1")


def _signer(place: Place, key: str) -> Any:
    from tagship.adapters.aws.session import Aws
    from tagship.adapters.signing import signer

    region = os.environ.get("AWS_REGION", "us-east-1")  # of a key in KMS; a PEM file is read without it
    return signer(key, Aws(region, say=place.terminal.screen.warn), "--")


@command(VERSION, of="release")
def build(version: str) -> None:
    """Build a tagged release anew, and compare it with what its tag says."""
    from scripts.release import cutting, dist, sealing

    with announced(here()) as place:
        version = str(_tagged(place, version))
        commit = place.repository.resolve(f"refs/tags/{version}")
        sums = dist.build(place.repository, commit, cutting.time_of(place.root, commit), place.dist)
        text = cutting.git(place.root, "tag", "--list", "--format=%(contents)", version)
        envelope = sealing.check(text, sealing.Release(version, commit, sums), place.verifier)
        if envelope:
            (place.dist / sealing.NAME).write_bytes(envelope)
        place.terminal.screen.say(f"{version} builds the bytes that its tag names: {dist.digest_of(place.dist)}")
        place.terminal.ci.output({"built": dist.digest_of(place.dist), "version": version})


def _tagged(place: Place, text: str) -> Any:
    """Return the version to build. Raises Refused if checkout and tag differ."""
    from scripts.release import cutting
    from tagship.domain.version import Version
    from tagship.errors import Refused

    version = Version.parse(text or place.terminal.ci.tag or cutting.current(place.root))
    tag = place.repository.tag(str(version))
    if tag is None:
        raise Refused(f"There is no tag {version} here.", remedy=f"Cut it: inv release --version {version}")
    if tag.commit != place.repository.resolve("HEAD") or cutting.current(place.root) != str(version):
        raise Refused(f"This checkout is not {version}.", remedy=f"Check it out: git switch --detach {version}")
    return version


@command(VERSION, BUILT, DRY_RUN, of="release")
def publish(version: str, built: str, dry_run: bool) -> None:
    """Publish what was built as a GitHub release, with its notes."""
    from scripts.release import changelog, dist, publishing, sealing

    with announced(here()) as place:
        name = str(_tagged(place, version))
        files = [*dist.verified(place.dist, built), place.dist / dist.SUMS]
        files += [file for file in [place.dist / sealing.NAME] if file.is_file()]
        if dry_run:
            place.terminal.screen.say(f"{name} would be released with {', '.join(file.name for file in files)}.")
            return
        notes = changelog.section((place.root / changelog.FILE).read_text("utf-8"), name)
        page = publishing.publish(_client(place), name, notes, files)
        place.terminal.screen.say(f"{name} is released: {page}")


def _client(place: Place) -> Any:
    """Connect to GitHub's API, as the job's variables have it."""
    from tagship.adapters.github import API, find_token
    from tagship.adapters.github_client import Client
    from tagship.domain.forge import repository_of
    from tagship.errors import UsageError

    repository = repository_of(os.environ.get("GITHUB_REPOSITORY") or place.repository.remote_url())
    token = find_token(repository[0], os.environ) if repository else ""
    if not repository or not token:
        raise UsageError("There is no token for GitHub.", remedy="Take one: gh auth login")
    return Client(repository[1], os.environ.get("GITHUB_API_URL", API), token)


@contextmanager
def announced(place: Place) -> Iterator[Place]:
    """Leave an annotation in CI's run if the step fails."""
    from tagship.errors import TagshipError

    place.terminal.ci.begin()
    try:
        yield place
    except TagshipError as problem:
        place.terminal.ci.annotate(problem.exit_code, f"{problem.what.rstrip('.')}; {problem.state.rstrip('.')}")
        raise


def collected(tasks: Collection, *own: Callable[..., Any]) -> Collection:
    """Return the toolkit's namespace with these tasks in it."""
    group = Collection("release", *own)
    both = Collection()
    for task in tasks.tasks.values():
        both.add_task(task)
    for name, collection in (*tasks.collections.items(), ("release", group)):
        both.add_collection(collection, name=name)
    return both


TASKS: tuple[Task[Any], ...] = (cut, build, publish)
