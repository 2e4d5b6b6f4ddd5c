"""First step towards a version's tag: what is asked for, and what checkout, remote and ledger look like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from tagship.domain import checks, commands
from tagship.domain.checks import CheckoutFacts
from tagship.domain.forge import repository_of
from tagship.domain.text import ago, moment
from tagship.domain.version import Version
from tagship.engine.gates import require_unfrozen
from tagship.engine.hostfiles import ejected, of_commit
from tagship.errors import Held, Refused, ServiceFailed, TagshipError, UsageError
from tagship.ports.app import App
from tagship.ports.repository import State, Tag, Unfit
from tagship.release.recorded import Recorded, recorded

SHOWN = 5  # versions that are looked at
WIDTH = 80  # columns
WORKFLOWS = "/.github/workflows"  # at the top, wherever the app is
MOST = 1_000_000  # bytes of a workflow file
PRACTICE = "In the sandbox, go to the practice clone: cd .tagship/sandbox/work"


@dataclass(frozen=True)
class Wish:
    """What the user asked for; what was not said is empty.

    `anew` wants a new number even if the commit has one.
    """

    verb: str
    environment: str
    version: str = ""
    commit: str = ""
    yes: bool = False
    first: bool = False
    dry_run: bool = False
    verbose: bool = False
    rerun: bool = False
    anew: bool = False

    @property
    def command(self) -> str:
        """Return the command that does the same again, with its flags."""
        return self.spelled(version=self.version, commit=self.commit)

    def spelled(self, *, version: str = "", commit: str = "", rerun: bool = False) -> str:
        """Return the same command for a version, or a commit.

        Whoever was not to be asked is not asked by it: there may be no terminal.
        """
        given = {"version": version, "commit": commit}
        if self.verb == "tag":
            return commands.tag(self.environment, **given, first=self.first, yes=self.yes)
        return commands.deploy_dev(self.environment, **given, first=self.first, rerun=rerun, yes=self.yes)


@dataclass(frozen=True)
class ReleaseFacts:
    """What was seen of checkout, remote and ledger."""

    suffix: str
    checkout: CheckoutFacts
    state: State
    commit: str
    versions: Sequence[Version]
    tags: Sequence[Tag]
    recorded: Recorded

    @property
    def latest(self) -> Version | None:
        """Return the channel's highest version that has a tag."""
        return self.versions[0] if self.versions else None

    @property
    def highest(self) -> Version | None:
        """Return the channel's highest version that was ever used."""
        # Tagged, published or deployed, as far as could be asked.
        return max([*self.versions[:1], *self.recorded.spent(self.suffix)[:1]], default=None)


def suffix_of(app: App, environment: str) -> str:
    """Return the suffix of an environment's versions. Raises SettingsError."""
    app.settings.environment(environment)
    return app.settings.suffix(environment)


def look(app: App, wish: Wish, suffix: str) -> ReleaseFacts:
    """Fetch, then look at checkout, versions, ledger and CI."""
    repository = app.repository
    branch = app.settings.environment(wish.environment).branch or repository.state("").branch
    unreachable, reach, moved = _fetched(app, branch, suffix)
    state = repository.state(branch)
    commit, apart = _commit(app, wish, branch, state)
    channel = repository.newest(suffix, SHOWN)
    versions = channel.versions
    for sentence in channel.why_passed_over():
        app.screen.warn(sentence)
    known = recorded(app, wish.environment)
    tagged = bool(versions or unreachable or known.spent(suffix))
    facts = CheckoutFacts(
        again=wish.command,
        suffix=suffix,
        branch=branch,
        remote=app.settings.git.remote,
        current=state.branch,
        unreachable=unreachable,
        reach=reach,
        dirty=() if wish.commit else state.dirty,
        linked=() if wish.commit else state.linked,
        shallow=state.shallow,
        ahead=state.ahead,
        behind=state.behind,
        moved=moved,
        tagged=tagged,
        passed_over=channel.passed_over,
        first=wish.first,
        prefix=app.settings.tags.prefix,
        others={} if tagged else repository.others(),
        settled="prefix" in app.settings.tags.model_fields_set,
        ci=_ci(app, commit),
        apart=apart,
    )
    facts = replace(facts, contents=_lacking(app, commit), workflow=_unstarted(app, commit))
    tags = repository.tags([str(version) for version in versions])
    return ReleaseFacts(suffix, facts, state, commit, versions, tags, known)


def _fetched(app: App, branch: str, suffix: str) -> tuple[str, str, Sequence[str]]:
    """Fetch; return what failed, what mends it, and moved tags."""
    try:
        return "", "", app.repository.fetch(branch, suffix)
    except ServiceFailed as reason:
        return reason.what.rstrip("."), f"git ls-remote --heads {app.settings.git.remote}", ()
    except Refused as reason:
        return reason.what.rstrip("."), PRACTICE if app.settings.sandbox else str(reason.remedy), ()


def _commit(app: App, wish: Wish, branch: str, state: State) -> tuple[str, bool]:
    """Return the commit to tag, and whether it is apart."""
    # Apart: the remote's branch has it, and it is not what is checked out.
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


def _lacking(app: App, commit: str) -> str:
    """Say what the commit lacks for CI's bundle; empty if nothing."""
    try:
        with closing(app.repository.files(commit, of_commit(app, own=ejected(app, commit)))) as files:  # type: ignore[type-var]
            next(files, None)
    except (Unfit, UsageError) as reason:
        return reason.what.rstrip(".")
    return ""


def _unstarted(app: App, commit: str) -> str | None:
    """Say why a pushed tag would start nothing; empty if it would."""
    # None if CI is not GitHub's, as far as is known here.
    if not _is_github(app):
        return None
    try:
        texts = [read(min(size, MOST)) for _, _, size, read in app.repository.files(commit, [WORKFLOWS])]
    except UsageError:
        return f"{commit[:12]} has no {WORKFLOWS[1:]}"
    except Unfit as reason:
        return reason.what.rstrip(".")
    starts = any(
        re.search(rb"\bpush\b", text) and re.search(rb"^\s*(tags|[\"']tags[\"']):|\btags:", text, re.M)
        for text in texts
    )
    return "" if starts else f"no workflow in {WORKFLOWS[1:]} starts on a pushed tag (on.push.tags)"


def _is_github(app: App) -> bool:
    if app.settings.sandbox or app.settings.ci.repository:
        return True
    try:
        home = repository_of(app.repository.remote_url())
    except TagshipError:
        return False
    return home is not None and "github" in home[0]


def judge(app: App, wish: Wish, facts: ReleaseFacts) -> None:
    """Show what runs and how the checks went, on one line.

    Raises Refused if a check failed, Held during a freeze.
    """
    results = checks.checks(facts.checkout)
    failed = [check for check in results if not check.passed]
    passed = f"✓ {len(results) - len(failed)} checks passed" if len(failed) < len(results) else ""
    marks = "   ".join([*([passed] if passed else []), *(f"✗ {check.name}" for check in failed)])
    running = running_line(app, wish.environment, facts.recorded, facts.tags)
    gap = WIDTH - len(running) - len(marks)
    app.screen.say(f"{running}{' ' * gap}{marks}" if gap >= 2 else f"{running}\n{marks}")
    if failed:
        raise checks.refuse(failed)
    if not facts.recorded.asked and app.signed_in:
        unasked = f"What {wish.environment} runs, and which numbers are spent, was not asked"
        app.screen.warn(f"{unasked}: {facts.recorded.problem}.")
    if facts.recorded.asked:
        _require_unfrozen(app, wish.environment)


def _require_unfrozen(app: App, environment: str) -> None:
    """Raise Held during a freeze, before a number is spent."""
    # If that cannot be asked, this warns, and CI asks again.
    try:
        require_unfrozen(app, environment)
    except Held:
        raise
    except TagshipError as reason:
        app.screen.warn(f"Whether {environment} is frozen could not be asked: {reason.what}")


def running_line(app: App, environment: str, known: Recorded, tags: Sequence[Tag]) -> str:
    """Say what the environment runs, or else its latest tag."""
    last = known.serving
    if last:
        age = ago(app.store.now() - datetime.fromisoformat(last.last.at))
        who = re.sub(r"^run \d+ \((.+)\)$", r"\1", last.first.who)  # of a CI run, who started it
        return f"{app.settings.app}: {environment} runs {last.artifact_id} ({age}, {who})"
    if known.asked:
        return f"{app.settings.app}: nothing has run on {environment} yet"
    latest = tags[0] if tags else None
    if latest is None:
        return f"{app.settings.app}: {environment} has no version yet"
    age = f"{ago(app.clock.now() - latest.when)}, " if latest.when else ""
    return f"{app.settings.app}: the latest tag of {environment} is {latest.name} ({age}{_name(latest)})"


def _name(tag: Tag) -> str:
    return tag.tagger.split(" <")[0] or "a lightweight tag"


def table(app: App, versions: Sequence[Version], tags: Sequence[Tag]) -> None:
    """Show a channel's latest versions: when, who, and which commit."""
    by_name = {tag.version: tag for tag in tags}
    rows = []
    for number, version in enumerate(versions):
        tag = by_name.get(str(version))
        when = moment(tag.when) if tag and tag.when else ""
        mark = "latest" if number == 0 else ""
        rows.append((str(version), when, _name(tag) if tag else "", tag.commit[:12] if tag else "", mark))
    if rows:
        app.screen.table(("version", "tagged (UTC)", "by", "commit", ""), rows)
