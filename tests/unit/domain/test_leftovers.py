"""Which leftovers of deployments go, and why each of the others stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.leftovers import Leftover, Rule, artifacts_in_use
from tagship.domain.retention import Policy

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=30)


def leftover(id_: str, *artifacts: str, made: datetime | None = OLD, **more: object) -> Leftover:
    return replace(Leftover(id_, f"version {id_}", artifacts, made), **more)  # type: ignore[arg-type]


def judged(*leftovers: Leftover, days: int = 7, **rule: object) -> dict[str, str]:
    """What is said of each; what goes begins with "goes"."""
    made = Rule({}, {}, Policy(days), NOW)
    rows = replace(made, **rule).judge(leftovers)  # type: ignore[arg-type]
    return {row.leftover.id: f"{'goes: ' if row.verdict.goes else ''}{row.verdict.reason}" for row in rows}


def test_what_is_left_of_an_artifact_that_is_gone_goes() -> None:
    assert judged(leftover("1", "0.1.0-dev")) == {"1": "goes: its artifact is gone"}


def test_what_is_of_an_artifact_that_stays_stays_for_its_reason() -> None:
    staying = {"0.1.0-dev": "a rollback may go to it"}
    assert judged(leftover("1", "0.1.0-dev"), staying=staying) == {"1": "0.1.0-dev stays: a rollback may go to it"}


def test_of_several_artifacts_one_that_stays_is_enough() -> None:
    assert "stays" in judged(leftover("1", "0.1.0-dev", "0.1.1-dev"), staying={"0.1.1-dev": "x"})["1"]


def test_what_something_on_aws_uses_stays() -> None:
    assert judged(leftover("1", "a"), used={"1": "alias live names it"}) == {"1": "alias live names it"}


def test_what_tagship_did_not_make_stays() -> None:
    assert judged(leftover("1")) == {"1": "tagship did not make it"}


def test_what_is_young_or_of_no_known_age_stays() -> None:
    assert judged(leftover("1", "a", made=NOW - timedelta(days=6))) == {"1": "younger than 7 days"}
    assert judged(leftover("1", "a", made=NOW - timedelta(hours=23)), days=0) == {"1": "made less than a day ago"}
    assert judged(leftover("1", "a", made=None)) == {"1": "its creation time is unknown"}


def test_a_hold_keeps_everything() -> None:
    assert judged(leftover("1", "a"), hold="it is frozen") == {"1": "it is frozen"}


def test_a_part_stays_with_what_refers_to_it_and_goes_after_it() -> None:
    index, part = leftover("index", "a"), leftover("part", parts_of=("index",))
    assert judged(part, index, staying={"a": "x"})["part"] == "version index refers to it"
    rows = judged(part, index)
    assert list(rows) == ["index", "part"], "ECR deletes no image that an index refers to"
    assert rows["part"] == "goes: nothing refers to it"


def test_a_part_of_two_stays_while_either_does() -> None:
    both = [leftover("one", "a"), leftover("two", "b"), leftover("part", parts_of=("one", "two"))]
    assert judged(*both, staying={"b": "x"})["part"] == "version two refers to it"


def test_what_refers_to_itself_in_a_ring_is_judged_once() -> None:
    ring = [leftover("1", "a", parts_of=("2",)), leftover("2", "b", parts_of=("1",))]
    assert judged(*ring) == {"2": "goes: its artifact is gone", "1": "goes: its artifact is gone"}


def test_what_a_ring_refers_to_stays_with_the_one_of_it_that_is_in_use() -> None:
    ring = [leftover("c", parts_of=("a",)), leftover("a", parts_of=("b",)), leftover("b", parts_of=("c",))]
    rows = judged(*ring, used={"a": "alias live names it"})
    assert rows["b"] == "version c refers to it"
    assert not [words for words in rows.values() if words.startswith("goes")]


def test_what_nobody_refers_to_goes_by_its_age_alone() -> None:
    assert judged(leftover("1", loose=True)) == {"1": "goes: nothing refers to it"}
    assert judged(leftover("1", loose=True, made=NOW - timedelta(days=2))) == {"1": "younger than 7 days"}


def test_what_is_used_keeps_its_artifact() -> None:
    rows = [leftover("1", "a"), leftover("2", "b")]
    assert artifacts_in_use(rows, {"2": "alias live names it"}) == {"b": "alias live names it (version 2)"}


names = st.sampled_from("abcdef")


@given(
    rows=st.lists(
        st.tuples(names, st.lists(names, max_size=2), st.lists(names, max_size=2), st.booleans()), max_size=8
    ),
    staying=st.dictionaries(names, st.just("x"), max_size=3),
    used=st.dictionaries(names, st.just("y"), max_size=3),
)
def test_nothing_goes_that_stays_or_that_something_refers_to_which_stays(
    rows: list[tuple[str, list[str], list[str], bool]], staying: dict[str, str], used: dict[str, str]
) -> None:
    unique = {id_: leftover(id_, *of, parts_of=tuple(wholes), loose=loose) for id_, of, wholes, loose in rows}
    verdicts = Rule(staying, used, Policy(), NOW).judge(list(unique.values()))
    assert sorted(row.leftover.id for row in verdicts) == sorted(unique)
    goes = {row.leftover.id for row in verdicts if row.verdict.goes}
    for id_ in goes:
        assert id_ not in used
        assert not set(unique[id_].artifacts) & set(staying)
        assert unique[id_].artifacts or not [one for one in unique[id_].parts_of if one in unique and one not in goes]
