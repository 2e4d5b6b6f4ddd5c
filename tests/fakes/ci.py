"""A CI run that remembers what its step left there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tagship.domain.trigger import Trigger


@dataclass
class FakeCi:
    """`annotations` holds (exit code, message) in order; `summary` the page's text."""

    running: bool = False
    tag: str = ""
    commit: str = ""
    branch: str = ""
    pull_request: str = ""
    run: str = ""
    run_url: str = ""
    actor: str = ""
    owner_id: str = ""
    repository_id: str = ""
    workflow: str = ""
    trigger: Trigger = field(default_factory=Trigger)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    begun: bool = False
    annotations: list[tuple[int, str]] = field(default_factory=list)
    captured: list[str] = field(default_factory=list)
    advised: list[str] = field(default_factory=list)

    def begin(self) -> None:
        self.begun = True

    def output(self, values: Mapping[str, str]) -> None:
        self.outputs.update(values)

    def summarize(self, markdown: str) -> None:
        self.summary += markdown

    def capture(self, text: str) -> None:
        self.captured.append(text)

    def advise(self, remedy: str) -> None:
        self.advised.append(remedy)

    def annotate(self, code: int, message: str) -> None:
        self.annotations.append((code, message))
