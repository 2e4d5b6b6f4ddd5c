"""doctor: every prerequisite of shipping, looked at all at once, each with the command that mends it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.account.checks import Check, checks
from tagship.domain.finding import Finding, warning
from tagship.errors import Refused, TagshipError
from tagship.ports.app import App

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


def doctor(app: App) -> Examined:
    """Look at every prerequisite, within WITHIN seconds.

    What does not answer in time is a warning: it is not known.
    """
    asked = app.hurried
    with app.screen.live("looking at what shipping needs"):
        findings = _all_at_once(checks(asked))
    app.screen.table(
        ("WHAT", "", "SEEN"), [[finding.about, WORDS[finding.state], finding.words] for finding in findings]
    )
    for finding in findings:
        if finding.state != "ok" and finding.fix:
            app.screen.say(f"{finding.about}: {finding.fix}")
    counts = Counter(finding.state for finding in findings)
    app.screen.say(f"{counts['ok']} ok, {counts['warning']} to look at, {counts['failing']} failing")
    return Examined(findings)


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
