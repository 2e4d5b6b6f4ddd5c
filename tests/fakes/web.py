"""The outside's view of an app, answer by answer; the last one is repeated."""

from __future__ import annotations

from tagship.domain.health import Sample


class FakeWeb:
    def __init__(self, *answers: Sample) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def ask(self, url: str, version_key: str, timeout: float) -> Sample:
        self.asked.append(url)
        return self._answer()

    def connect(self, address: str, timeout: float) -> Sample:
        self.asked.append(address)
        return self._answer()

    def _answer(self) -> Sample:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
