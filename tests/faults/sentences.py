"""Each sentence that says how things are now, and how to find out whether it is true.

A sentence that no rule knows is a fault too: nothing checks it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.faults.facts import Facts


@dataclass(frozen=True)
class Sight:
    """What was so before a command and after it, and all that the command printed."""

    before: Facts
    after: Facts
    printed: str

    @property
    def unchanged(self) -> bool:
        """Whether all that lasts is as it was, and nobody is kept out without being told."""
        kept_out = self.after.holder and self.after.holder != self.before.holder
        return self.before.lasting == self.after.lasting and (not kept_out or "it expires in" in self.printed)

    def kept(self, *folders: str) -> bool:
        """Whether no object of these folders changed."""
        return all(self.before.objects(folder) == self.after.objects(folder) for folder in folders)

    @property
    def hosts_kept(self) -> bool:
        return self.before.serving == self.after.serving

    @property
    def pushed(self) -> bool:
        return self.before.origin != self.after.origin

    def on_origin(self, version: str) -> bool:
        return f"refs/tags/{version}" in self.after.origin

    def tagged_here(self, version: str) -> bool:
        return f"refs/tags/{version}" in self.after.tags

    def stored(self, version: str, name: str) -> bool:
        return any(key.endswith(f"/{version}/{name}") for key in self.after.bucket)

    @property
    def frozen(self) -> bool:
        return any("/_freeze/" in key for key in self.after.bucket)

    def recorded(self, state: str) -> bool:
        """Whether the ledger has an entry of that state that it had not."""
        new = self.after.objects("_ledger").keys() - self.before.objects("_ledger").keys()
        return any(key.endswith(f"-{state}.json") for key in new)


Named = Mapping[str, str]
Rule = Callable[[Sight, Named], bool]
VERSION = r"(?P<version>\d+\.\d+\.\d+-\w+)"


def _nothing_is_known(_: Sight, __: Named) -> bool:
    """What is said not to be known can't be untrue; that it leads on is the remedy's to show."""
    return True


def _on_origin(sight: Sight, named: Named) -> bool:
    return sight.on_origin(named["version"])


RULES: dict[str, Rule] = {
    # -- nothing --
    r"Nothing was changed\.": lambda sight, _: sight.unchanged,
    r"Nothing else was changed\.": lambda sight, _: (
        sight.hosts_kept and not sight.pushed and sight.kept("_ledger") and sight.after.tags == sight.before.tags
    ),
    r"No host was changed[.;]": lambda sight, _: sight.hosts_kept and not sight.pushed,
    r"deployment [-\w]+ is recorded as abandoned\.": lambda sight, _: sight.recorded("abandoned"),
    # It speaks of one write alone: what is anywhere else must be as it was.
    r"S3 may have stored it or not\. Running the same command again is safe\.": lambda sight, _: (
        sight.hosts_kept and not sight.pushed
    ),
    # -- the release --
    rf"{VERSION} is on origin[.,;]( and CI may ship it; its state is unknown here\.)?": _on_origin,
    rf"{VERSION} is tagged and pushed, and nothing was deployed\.": lambda sight, named: (
        _on_origin(sight, named) and sight.hosts_kept
    ),
    rf"{VERSION} is tagged and pushed; (whether it serves is unknown|see the run)\.": _on_origin,
    rf"{VERSION} is pushed, and CI goes on with it; its state is unknown here\.": _on_origin,
    r"as far as CI says, nothing deploys it\.": lambda sight, _: sight.hosts_kept,
    r"its last run failed\.": lambda sight, _: sight.hosts_kept,
    r"and its deployment goes on: it does not need this terminal\.": _nothing_is_known,
    rf"The push landed anyway: {VERSION} is on origin, and CI ships it\.": _on_origin,
    rf"origin has no {VERSION} of yours yet, and the local tag is removed\. A push that it received earlier may "
    r"still land; then CI ships it\.": lambda sight, named: (
        not sight.on_origin(named["version"]) and not sight.tagged_here(named["version"])
    ),
    rf"Can't tell whether {VERSION} landed: origin does not answer\. If it did, CI ships it\. The local tag is "
    r"kept\.": lambda sight, named: sight.tagged_here(named["version"]),
    r"Neither the branch nor the tag was pushed, and the local tag is removed\.": lambda sight, _: (
        not sight.pushed and sight.before.tags == sight.after.tags
    ),
    rf"The tag {VERSION} is here, and not pushed\.": lambda sight, named: (
        sight.tagged_here(named["version"]) and not sight.on_origin(named["version"])
    ),
    rf"origin still has {VERSION}\.": _on_origin,
    rf"Can't tell whether origin still has {VERSION}; no local tag was deleted\.": lambda sight, _: (
        sight.before.tags == sight.after.tags
    ),
    rf"origin no longer has {VERSION}; this clone still has it\.": lambda sight, named: (
        not sight.on_origin(named["version"]) and sight.tagged_here(named["version"])
    ),
    # -- the bucket --
    rf"The bundle of {VERSION} is stored; without a manifest it is not an artifact\.": lambda sight, named: (
        sight.stored(named["version"], "deploy-bundle.tar.gz") and not sight.stored(named["version"], "manifest.json")
    ),
    rf"{VERSION} is published: its manifest is stored\.": lambda sight, named: sight.stored(
        named["version"], "manifest.json"
    ),
    rf"Part of {VERSION} may be stored; without a manifest it is not an artifact\.": _nothing_is_known,
    rf"{VERSION} is published for \w+; no host was changed\.": lambda sight, named: (
        sight.stored(named["version"], "manifest.json") and sight.hosts_kept and not sight.pushed
    ),
    r"The image in the registry is unchanged(; nothing names it yet)?\.": lambda sight, _: sight.unchanged,
    r"\w+ is frozen until .*?; that stays \(to end it: inv thaw --env \w+\)\.": lambda sight, _: sight.frozen,
    # -- the hosts --
    r"The action on the hosts goes on \([^)]*\)[;,] (its outcome is unknown here|and nobody waits for its end or "
    r"records it|and the lease of \w+ expires by itself within \d+ s)\.": lambda sight, _: (
        sight.after.commands > sight.before.commands
    ),
    rf"{VERSION} is serving\.": lambda sight, named: sight.after.serving == named["version"],
    rf"{VERSION} serves \w+\.": lambda sight, named: sight.after.serving == named["version"],
    r"What is serving is unknown\.": _nothing_is_known,
    r"What serves is unknown here\.": _nothing_is_known,
    r"It is recorded as abandoned\.": lambda sight, _: sight.recorded("abandoned"),
    # -- other tools --
    r"Whatever it had changed until then stays changed\.": _nothing_is_known,
}
"""What a sentence begins with, and how to find out. Only the first that matches is asked."""


def untrue(state: str, sight: Sight) -> str:
    """Read what was said sentence by sentence; returns the first that is not so, and why; empty if all are."""
    rest = state.strip()
    while rest:
        matched = _rule(rest)
        if matched is None:
            return f"no rule knows this sentence: {rest}"
        rule, match = matched
        if not rule(sight, match.groupdict()):
            return f"it is not so: {match[0]} {_difference(sight)}"
        rest = rest[match.end() :].strip()
    return ""


def _rule(text: str) -> tuple[Rule, re.Match[str]] | None:
    for pattern, rule in RULES.items():
        if match := re.match(pattern, text):
            return rule, match
    return None


def _difference(sight: Sight) -> str:
    """What changed, for whoever reads the red cell."""
    names = ("origin", "tags", "bucket", "holder", "serving", "commands", "files")
    changed = {name: _changed(getattr(sight.before, name), getattr(sight.after, name)) for name in names}
    return f"[{ {name: text for name, text in changed.items() if text} }]"


def _changed(before: object, after: object) -> str:
    if before == after:
        return ""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = sorted(set(before.items()) ^ set(after.items()))
        return ", ".join(dict.fromkeys(key for key, _ in keys))
    return f"{before} -> {after}"
