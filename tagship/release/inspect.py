"""What leads up to a version's tag, first: what is wished for, and what checkout and remote look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain import release
from tagship.domain import text as times
from tagship.domain.release import Look
from tagship.domain.version import Version
from tagship.errors import Refused, ServiceFailed
from tagship.ports.app import App
from tagship.ports.repository import State, Tag

SHOWN = 5  # versions in the table


@dataclass(frozen=True)
class Wish:
    """What the user said; empty where nothing was. `anew` asks for a version even where the commit has one."""

    verb: str
    environment: str
    version: str = ""
    commit: str = ""
    yes: bool = False
    first: bool = False
    dry_run: bool = False
    anew: bool = False

    @property
    def command(self) -> str:
        """What to type for the same again."""
        return f"inv {self.verb}" + (f" --env {self.environment}" if self.environment != "dev" else "")


@dataclass(frozen=True)
class Found:
    """What the look at checkout and remote found: the channel, its latest versions and their tags, what to tag."""

    suffix: str
    look: Look
    state: State
    commit: str
    versions: Sequence[Version]
    tags: Sequence[Tag]

    @property
    def latest(self) -> Version | None:
        return self.versions[0] if self.versions else None


def suffix_of(app: App, environment: str) -> str:
    """The suffix of an environment's versions; raises SettingsError where there is no such environment."""
    app.settings.environment(environment)
    return app.settings.suffix(environment)


def look(app: App, wish: Wish, suffix: str) -> Found:
    """Fetch, and look at the checkout, the channel's versions and CI."""
    repository = app.repository
    branch = app.settings.environment(wish.environment).branch or repository.state("").branch
    unreachable, moved = _fetched(app, branch, suffix)
    state = repository.state(branch)
    commit, apart = _commit(app, wish, branch, state)
    channel = repository.newest(suffix, SHOWN)
    versions = channel.versions
    for sentence in channel.why_passed_over():
        app.screen.warn(sentence)
    seen = Look(
        verb=wish.verb,
        suffix=suffix,
        branch=branch,
        remote=app.settings.git.remote,
        current=state.branch,
        unreachable=unreachable,
        dirty=() if wish.commit else state.dirty,
        shallow=state.shallow,
        ahead=state.ahead,
        behind=state.behind,
        moved=moved,
        tagged=bool(versions) or bool(unreachable),
        passed_over=channel.passed_over,
        first=wish.first,
        ci=_ci(app, commit),
        apart=apart,
    )
    return Found(suffix, seen, state, commit, versions, repository.tags([str(one) for one in versions]))


def _fetched(app: App, branch: str, suffix: str) -> tuple[str, Sequence[str]]:
    """Why the remote could not be asked (empty: it was), and the tags that moved."""
    try:
        return "", app.repository.fetch(branch, suffix)
    except (ServiceFailed, Refused) as reason:
        return reason.what.rstrip("."), ()


def _commit(app: App, wish: Wish, branch: str, state: State) -> tuple[str, bool]:
    """The commit to tag, and whether it is one that the remote's branch has, apart from what is checked out."""
    if not wish.commit:
        return state.head, False
    commit = app.repository.resolve(wish.commit)
    if app.repository.on_branch(commit, branch):
        return commit, True
    if not app.repository.in_head(commit):
        raise Refused(
            f"{commit[:12]} is neither on {app.settings.git.remote}/{branch} nor in what is checked out.",
            remedy=f"Choose one of: git log --oneline {app.settings.git.remote}/{branch}",
        )
    return commit, False


def _ci(app: App, commit: str) -> str | None:
    if not app.settings.ci.green_before_tag:
        return None
    return app.forge.green(commit) if app.forge else ""


def judge(app: App, look: Look) -> None:
    """Show every check, and refuse if one failed."""
    found = release.checks(look)
    for one in found:
        app.screen.say(f"  {'ok' if one.passed else 'NO'}  {one.name}")
    failed = [one for one in found if not one.passed]
    if failed:
        raise release.refuse(failed)


def table(app: App, versions: Sequence[Version], tags: Sequence[Tag]) -> None:
    """The latest versions of a channel: when, who, and which commit."""
    known = {one.name: one for one in tags}
    rows = []
    for number, version in enumerate(versions):
        one = known.get(str(version))
        when = times.moment(one.when) if one and one.when else ""
        mark = "latest" if number == 0 else ""
        rows.append(
            (str(version), when, one.tagger.split(" <")[0] if one else "", one.commit[:12] if one else "", mark)
        )
    if rows:
        app.screen.table(("version", "tagged (UTC)", "by", "commit", ""), rows)
