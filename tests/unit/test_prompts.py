"""No question is asked that nobody has interrupted: tests/journeys/test_interrupted.py does, by these cases."""

from __future__ import annotations

from pathlib import Path

from tests.journeys.prompts import CASES, ON_THE_WAY, asked


def test_every_question_of_the_code_has_a_case_and_every_case_a_question() -> None:
    assert {case.site for case in CASES} | set(ON_THE_WAY) == asked()
    assert all("CTRL_C" in (Path(__file__).parents[2] / test).read_text("utf-8") for test in ON_THE_WAY.values())


def test_a_question_is_found_however_it_is_asked() -> None:
    assert {
        "verbs/thaw.py _agreed",
        "scaffold/answers.py _answer",
        "adapters/aws/credentials.py ask_for_code",
    } <= asked()
