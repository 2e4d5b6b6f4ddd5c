"""Whether the next version may be made, as pure functions."""

from __future__ import annotations

from tagship.domain.checks import CheckoutFacts, checks, refuse


def look(**changes: object) -> CheckoutFacts:
    return CheckoutFacts(
        **{
            "again": "inv deploy-dev --env stage",
            "suffix": "dev",
            "branch": "dev",
            "remote": "origin",
            "current": "dev",
            **changes,
        }
    )  # type: ignore[arg-type]


def test_every_check_has_a_name_and_passes_on_a_good_checkout() -> None:
    all_checks = checks(look())
    assert all(check.passed for check in all_checks)
    assert [check.name for check in all_checks] == [
        "on dev",
        "clean tree",
        "remote reachable",
        "not behind",
        "not diverged",
        "whole history",
        "tags agree",
        "earlier versions",
        "files to bundle",
    ]


def test_ci_is_a_check_where_it_is_asked() -> None:
    assert checks(look(ci="success"))[-1].passed
    assert checks(look(ci="success"))[-1].name == "CI green"


def test_on_the_wrong_branch_nothing_is_said_of_the_distance() -> None:
    failed = [check for check in checks(look(current="feature", ahead=3, behind=4)) if not check.passed]
    assert [check.name for check in failed] == ["on dev"]


def test_a_commit_apart_needs_no_clean_tree() -> None:
    assert all(check.passed for check in checks(look(apart=True, current="feature", dirty=["a"], ahead=1, behind=1)))


def test_a_refusal_lists_every_problem_with_its_remedy() -> None:
    failed = [check for check in checks(look(dirty=["a"], shallow=True)) if not check.passed]
    refusal = refuse(failed)
    assert refusal.what.count("\n  - ") == 2
    assert "git fetch --unshallow origin" in refusal.what
    assert refusal.remedy == failed[0].remedy


def test_what_ci_needs_is_a_check_of_the_commit() -> None:
    failed = [check for check in checks(look(contents="c0ffee has no file deploy", workflow="")) if not check.passed]
    assert [check.name for check in failed] == ["files to bundle"]
    failed = [check for check in checks(look(workflow="no workflow starts")) if not check.passed]
    assert [check.name for check in failed] == ["workflow for the tag"]


def test_the_remedy_for_an_empty_channel_keeps_the_flags_that_were_given() -> None:
    (failed,) = [check for check in checks(look(tagged=False)) if not check.passed]
    assert failed.remedy == "if this is the first: inv deploy-dev --env stage --first"
