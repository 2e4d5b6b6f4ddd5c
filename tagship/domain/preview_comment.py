"""The comment of a preview on its pull request: what runs where, or what went wrong and what serves. Pure.

There is one comment a preview, changed and never doubled. Foreign words are text in it, whatever they look like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tagship.domain import markdown

EVIDENCE = 8_000  # characters of it, the last ones: GitHub takes 65,536 of a body
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


@dataclass(frozen=True)
class PreviewComment:
    """What a pull request's comment says; `facts` are its rows."""

    app: str
    environment: str
    headline: str
    facts: Mapping[str, str]
    url: str = ""
    run_url: str = ""
    evidence: str = ""

    @property
    def mark(self) -> str:
        """Write the mark by which the comment is known again."""
        return f"<!-- tagship preview {self.app}/{self.environment} -->"

    def body(self) -> str:
        """Write the comment, in GitHub's Markdown."""
        rows = [(name, words) for name, words in self.facts.items() if words]
        return "\n".join(
            [
                self.mark,
                *markdown.heading(self.headline),
                *([address(self.url), ""] if self.url else []),
                *markdown.table(("", ""), rows),
                *([f"Run: {address(self.run_url)}", ""] if self.run_url else []),
                *markdown.folded("evidence", self.evidence[-EVIDENCE:]),
            ]
        )


def address(url: str) -> str:
    """Write an address as a link, a strange one as words."""
    return f"<{url}>" if _ADDRESS.fullmatch(url) else markdown.code(url)
