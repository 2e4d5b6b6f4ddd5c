"""Decide whether the next version may be made: named checks of checkout, commit and remote. No I/O.

Every check runs, and all that fail are reported together: a developer fixes everything in one go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tagship.errors import Refused


@dataclass(frozen=True)
class CheckoutFacts:
    """What is known of a checkout before its next version is made.

    `again` is the command that asked; `branch` and `remote` are what the settings say; `unreachable` is why the
    remote could not be asked (empty: it was); `ci` is what CI says of the commit (None: the settings do not ask).
    `apart` is true if another commit than the checked-out one is tagged, one that is on the remote's branch: then the
    working tree does not matter.
    `contents` is what the commit lacks to be bundled; `workflow` is why a pushed tag would start nothing (None: CI is
    not GitHub's, so nobody looked).
    """

    again: str
    suffix: str
    branch: str
    remote: str
    current: str
    unreachable: str = ""
    reach: str = ""  # what mends that
    dirty: Sequence[str] = ()
    linked: Sequence[str] = ()  # of dirty: links that .gitignore names as folders
    shallow: bool = False
    ahead: int = 0
    behind: int = 0
    moved: Sequence[str] = ()
    tagged: bool = True
    passed_over: Sequence[str] = ()
    first: bool = False
    prefix: str = ""  # of its tags
    others: Mapping[str, str] = field(default_factory=dict)  # prefixes of other tags, with the highest of each
    settled: bool = False  # the settings say which prefix is theirs
    ci: str | None = None
    apart: bool = False
    contents: str = ""
    workflow: str | None = None


@dataclass(frozen=True)
class Check:
    """One named check; `problem` is empty if it passed."""

    name: str
    problem: str = ""
    remedy: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem


def checks(facts: CheckoutFacts) -> list[Check]:
    """Return the checks that apply, in the order to fix them."""
    checkout = [] if facts.apart else [_branch(facts), _clean(facts)]
    remote = [Check("remote reachable", facts.unreachable, facts.reach)]
    apart = [] if facts.apart or facts.current != facts.branch else [_not_behind(facts), _not_diverged(facts)]
    rest = [_whole(facts), _unmoved(facts), _known(facts), _bundled(facts)]
    ci = [*([] if facts.workflow is None else [_started(facts)]), *([] if facts.ci is None else [_green(facts)])]
    return [*checkout, *remote, *apart, *rest, *ci]


def _branch(facts: CheckoutFacts) -> Check:
    if facts.current == facts.branch:
        return Check(f"on {facts.branch}")
    where = f"on {facts.current}" if facts.current else "on no branch (HEAD is detached)"
    return Check(
        f"on {facts.branch}", f"you are {where}; this is released from {facts.branch}", f"git switch {facts.branch}"
    )


def _clean(facts: CheckoutFacts) -> Check:
    if not facts.dirty:
        return Check("clean tree")
    named = ", ".join(facts.dirty[:3]) + (f" and {len(facts.dirty) - 3} more" if len(facts.dirty) > 3 else "")
    if facts.linked:
        name = facts.linked[0]
        why = f"not committed: {named}; {name} is a link, and `{name}/` in .gitignore matches folders only"
        return Check("clean tree", why, f"echo '/{name}' >> \"$(git rev-parse --git-path info/exclude)\"")
    return Check("clean tree", f"not committed: {named}", "commit it, or put it away: git stash --include-untracked")


def _not_behind(facts: CheckoutFacts) -> Check:
    if facts.ahead or not facts.behind:
        return Check("not behind")
    tracking = f"{facts.remote}/{facts.branch}"
    return Check(
        "not behind",
        f"{tracking} has {_commits(facts.behind)} more",
        f"git pull --ff-only {facts.remote} {facts.branch}",
    )


def _not_diverged(facts: CheckoutFacts) -> Check:
    if not (facts.ahead and facts.behind):
        return Check("not diverged")
    tracking = f"{facts.remote}/{facts.branch}"
    problem = (
        f"{facts.branch} and {tracking} have diverged: {_commits(facts.ahead)} here, {_commits(facts.behind)} there"
    )
    return Check("not diverged", problem, f"git pull --rebase {facts.remote} {facts.branch}")


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count} commits"


def _whole(facts: CheckoutFacts) -> Check:
    problem = "the clone is shallow: it does not hold the history that versions are read from" if facts.shallow else ""
    return Check("whole history", problem, f"git fetch --unshallow {facts.remote}")


def _unmoved(facts: CheckoutFacts) -> Check:
    if not facts.moved:
        return Check("tags agree")
    names = ", ".join(facts.moved)
    refspecs = " ".join(f"refs/tags/{name}:refs/tags/{name}" for name in facts.moved)
    return Check(
        "tags agree",
        f"not the same tag here and on {facts.remote}: {names}",
        f"to take {facts.remote}'s: git fetch --no-tags --force {facts.remote} {refspecs}",
    )


def _known(facts: CheckoutFacts) -> Check:
    if facts.tagged or (facts.first and (facts.settled or not facts.others)):
        return Check("earlier versions")
    if facts.others and not facts.settled:
        return _named_otherwise(facts)
    kind = facts.prefix + (f"X.Y.Z-{facts.suffix}" if facts.suffix else "X.Y.Z")
    passed_over = f" but {', '.join(facts.passed_over)}, passed over" if facts.passed_over else ""
    if facts.others:
        passed_over += f", but {', '.join(list(facts.others.values())[:3])}, which [tags] in tagship.toml leaves out"
    return Check(
        "earlier versions",
        f"there is no tag {kind} here or on {facts.remote}{passed_over}",
        f"if this is the first: {facts.again} --first",
    )


def _named_otherwise(facts: CheckoutFacts) -> Check:
    """Refuse to begin at 0.1.0 beside versions whose tags are named otherwise."""
    prefix, highest = next(iter(facts.others.items()))
    more = f" (and {len(facts.others) - 1} other prefixes)" if len(facts.others) > 1 else ""
    return Check(
        "earlier versions",
        f"there are versions already, such as {highest}{more}, and [tags] in tagship.toml names no prefix",
        f'if they are this app\'s, write under [tags]: prefix = "{prefix}"; if not, prefix = "{facts.prefix}", '
        f"and: {facts.again}{'' if facts.first else ' --first'}",
    )


def _bundled(facts: CheckoutFacts) -> Check:
    remedy = "Add what is missing and commit it, or correct bundle.include in tagship.toml"
    return Check("files to bundle", facts.contents, remedy)


def _started(facts: CheckoutFacts) -> Check:
    remedy = "commit a workflow whose on.push.tags matches the version, such as .github/workflows/deploy-dev.yml"
    return Check("workflow for the tag", facts.workflow or "", remedy)


def _green(facts: CheckoutFacts) -> Check:
    problem = {
        "success": "",
        "failure": "CI failed on this commit",
        "pending": "CI has not finished with this commit",
        "none": "CI has not seen this commit",
        "": "there is no token to ask CI with",
    }[facts.ci or ""]
    remedies = {"": "set GITHUB_TOKEN, or: gh auth login", "none": f"git push {facts.remote} {facts.branch}"}
    return Check("CI green", problem, remedies.get(facts.ci or "", "look at the commit's checks, then run it again"))


def refuse(failed: Sequence[Check], state: str = "Nothing was changed.") -> Refused:
    """Make one error of the failed checks, each with its remedy."""
    first = failed[0]
    if len(failed) == 1:
        return Refused(f"The check “{first.name}” failed: {first.problem}.", state=state, remedy=first.remedy)
    problems = "".join(f"\n  - {check.name}: {check.problem}\n      {check.remedy}" for check in failed)
    return Refused(f"Refused by {len(failed)} checks:{problems}", state=state, remedy=first.remedy)
