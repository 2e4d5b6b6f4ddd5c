"""doctor: every prerequisite of shipping, looked at all at once, each with the command that mends it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tagship import __version__
from tagship.account.doctor_checks import Check, checks
from tagship.domain import commands
from tagship.domain.finding import Finding, ok, warning
from tagship.domain.text import listed
from tagship.errors import Interrupted, Refused, TagshipError, UsageError
from tagship.ports.app import App
from tagship.scaffold.current import outdated

WITHIN = 10.0  # seconds for all of them
WORDS = {"ok": "ok", "warning": "WARNING", "failing": "FAILING"}


@dataclass(frozen=True)
class Examined:
    """What doctor found; it insists on an exit code if anything fails."""

    findings: Sequence[Finding]

    def as_data(self) -> dict[str, object]:
        return {"failing": self.failing, "findings": [finding.as_data() for finding in self.findings]}

    @property
    def failing(self) -> int:
        return sum(finding.state == "failing" for finding in self.findings)

    def insist(self) -> None:
        """Raise Refused if anything fails."""
        first = next((finding for finding in self.findings if finding.state == "failing"), None)
        if first:
            raise Refused(f"{self.failing} of {len(self.findings)} checks fail.", remedy=first.fix)


def doctor(app: App, *, fix: bool = False, yes: bool = False) -> Examined:
    """Look at every prerequisite, within WITHIN seconds.

    What does not answer in time is a warning: it is not known. With `fix`, run the fixes that only make what is
    missing, once they were shown, and look again; raises UsageError if nobody can be asked, Interrupted for a no.
    """
    findings = _examined(app)
    safe = list(dict.fromkeys(finding.fix for finding in findings if finding.safe))
    if not fix or not safe:
        if fix:
            app.screen.say("Nothing here can be mended without you: the lines above say how.")
        return Examined(findings)
    _mend(app, safe, yes)
    return Examined(_examined(app))


def _mend(app: App, fixes: Sequence[str], yes: bool) -> None:
    """Run fixes, one after the other; one that fails stops no other."""
    app.screen.say()
    app.screen.say("These make what is missing; they change nothing that is in use, and delete nothing:")
    for command in fixes:
        app.screen.say(f"  {command}")
    again = commands.doctor(fix=True, yes=True)
    if not yes and not app.prompt.possible:
        raise UsageError("There is no terminal to ask at, and no --yes was given.", remedy=f"Say it: {again}")
    if not yes and not app.prompt.confirm(f"Run {'it' if len(fixes) == 1 else 'them'}?"):
        raise Interrupted("Not confirmed.", remedy=f"When it is time: {again}")
    for command in fixes:
        app.screen.say(f"$ {command}")
        code = app.machine.run_verb(command)
        if code:
            app.screen.warn(f"it failed (exit code {code}): {command}")


def _examined(app: App) -> list[Finding]:
    """Look once, and show what was found."""
    _ = app.repository  # checks that import its package at once, at two ends of it, would wait for each other
    asked = app.hurried
    with app.screen.live("looking at what shipping needs"):
        findings = _all_at_once({**checks(asked), "workflows": lambda: _workflows(asked)})
    app.screen.table(
        ("WHAT", "", "SEEN"), [[finding.about, WORDS[finding.state], finding.words] for finding in findings]
    )
    for finding in findings:
        if finding.state != "ok" and finding.fix:
            app.screen.say(f"{finding.about}: {finding.fix}")
    counts = Counter(finding.state for finding in findings)
    app.screen.say(f"{counts['ok']} ok, {counts['warning']} to look at, {counts['failing']} failing")
    return findings


def _workflows(app: App) -> Iterator[Finding]:
    """Look whether the workflows are as init would write them today."""
    changed = outdated(app.surroundings)
    if changed:
        verb, them = ("is", "it") if len(changed) == 1 else ("are", "them")
        words = f"{listed(changed)} {verb} not as this tagship writes {them} for tagship.toml"
        yield warning("workflows", words, commands.init(update=True))
    elif changed is not None:
        yield ok("workflows", f"as tagship {__version__} writes them, apart from your edits")


def _all_at_once(wanted: Mapping[str, Check]) -> list[Finding]:
    """Run the checks beside each other; keep their order."""
    answers: dict[str, list[Finding]] = {}
    threads = {about: threading.Thread(target=_run, args=(about, check, answers), daemon=True)
               for about, check in wanted.items()}  # fmt: skip
    for thread in threads.values():
        thread.start()
    until = time.monotonic() + WITHIN
    for thread in threads.values():
        thread.join(max(0.0, until - time.monotonic()))
    late = [warning("", f"did not answer within {WITHIN:.0f} s")]
    return [_about(about, finding) for about in wanted for finding in answers.get(about, late)]


def _about(about: str, finding: Finding) -> Finding:
    return finding if finding.about else Finding(about, finding.state, finding.words, finding.fix)


def _run(about: str, check: Check, answers: dict[str, list[Finding]]) -> None:
    try:
        answers[about] = list(check())
    except TagshipError as problem:
        answers[about] = [Finding(about, "failing", problem.what, problem.remedy)]
