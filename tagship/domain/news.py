"""What people are told of a deployment, or of a run that failed before one: on GitHub, and by webhooks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tagship.domain import commands, markdown
from tagship.domain.deployment import ENDED, SERVES

NOT_DEPLOYED = "not-deployed"
LONGEST = 140  # characters of a description on GitHub
EVIDENCE = 8_000  # characters of evidence in an issue, the last ones: GitHub takes 65,536 of a body
_PUT_BACK = frozenset({"rolled-back", "rollback-failed"})


@dataclass(frozen=True)
class Stage:
    """A job of the run: success, failure or cancelled."""

    name: str
    conclusion: str


@dataclass(frozen=True)
class News:
    """How a version fared in an environment.

    `id` is the deployment's, or the run's if none began. `url` is where the environment serves, empty if unknown.
    `tag` is the version's. If `shares_repository`, other apps tell of environments of the same name there.
    """

    id: str
    app: str
    environment: str
    version: str
    commit: str
    state: str  # the deployment's, or NOT_DEPLOYED
    headline: str
    run_url: str = ""
    url: str = ""
    evidence: str = ""
    newest: bool = True  # no later deployment has changed the environment since
    stages: Sequence[Stage] = ()
    tag: str = ""
    shares_repository: bool = False

    @property
    def environment_on_github(self) -> str:
        """Name the environment so that another app's is another one.

        GitHub makes an earlier deployment to the same name inactive, and replaces a status or a check run.
        """
        return f"{self.app}/{self.environment}" if self.shares_repository else self.environment

    @property
    def is_good(self) -> bool:
        return self.state in SERVES

    @property
    def is_bad(self) -> bool:
        """Tell whether it failed; one that has not ended did neither."""
        return not self.is_good and self.state in {*ENDED, "failed", NOT_DEPLOYED}

    @property
    def outcome(self) -> str:
        """Name the state as GitHub's deployments do."""
        if self.is_good:
            return "success"
        return ("error" if self.state == "rollback-failed" else "failure") if self.is_bad else "in_progress"

    @property
    def labels(self) -> list[str]:
        """List an issue's labels; a rollback is urgent."""
        return ["deployment", self.environment, *(["rollback", "urgent"] if self.state in _PUT_BACK else [])]

    @property
    def description(self) -> str:
        return self.headline if len(self.headline) <= LONGEST else f"{self.headline[: LONGEST - 1]}…"

    @property
    def place(self) -> str:
        """Write the mark by which an environment's issue is known again."""
        return f"<!-- tagship {self.app}/{self.environment} -->"

    @property
    def mark(self) -> str:
        """Write the mark by which this very news is known again."""
        return f"<!-- tagship {self.app}/{self.environment} {self.id} -->"

    @property
    def title(self) -> str:
        return f"{self.environment}: {self.version} {_WORDS.get(self.state, self.state)}"

    def body(self) -> str:
        """Write an issue, or a comment on one."""
        facts = {"environment": self.environment, "version": self.version, "commit": self.commit, "outcome": self.state}
        return "\n".join(
            [
                self.place,
                self.mark,
                *markdown.paragraph(self.headline),
                *markdown.table(("", ""), list(facts.items())),
                *([f"Run: {self.run_url}", ""] if self.run_url else []),
                *markdown.folded("evidence", self.evidence[-EVIDENCE:]),
                "What runs now:",
                "",
                f"    {commands.status(self.environment)}",
            ]
        )

    def as_data(self) -> Mapping[str, Any]:
        """Write it for a webhook of one's own."""
        facts = asdict(self)
        for name in ("stages", "shares_repository"):
            facts.pop(name)
        return {**facts, "good": self.is_good}

    def message(self, kind: str) -> Mapping[str, Any]:
        """Write what a receiver of that kind takes."""
        text = f"{self.headline}\n{self.run_url}".strip()
        if kind == "slack":
            return {"text": _slack(text)}
        if kind == "sns":
            return {"id": f"{self.id}/{self.state}", "subject": subject(self.title), "text": text}
        return _card(text) if kind == "teams" else self.as_data()


_WORDS = {
    "rolled-back": "failed, and was rolled back",
    "rollback-failed": "failed, and so did the rollback",
    NOT_DEPLOYED: "was not deployed",
    "abandoned": "was given up",
}


def subject(text: str) -> str:
    """Write what SNS takes as a subject.

    100 printable characters of ASCII at most, the first a letter or digit:
    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    plain = "".join(char if " " <= char <= "~" else "?" for char in text)[:100]
    return plain if plain[:1].isalnum() else "tagship"


def _slack(text: str) -> str:
    """Escape what Slack reads as links and mentions.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _card(text: str) -> Mapping[str, Any]:
    """Write an Adaptive Card, as the Workflows app of Teams takes it."""
    block = {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]}  # no Markdown is read in it
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [block],
    }
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }
