"""The next version of a channel: what is checked, offered, refused and planned, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from tagship.domain.deployment import Entry
from tagship.domain.freeze import Freeze
from tagship.errors import Held, Interrupted, Refused, ServiceFailed, SettingsError, TagshipError, UsageError
from tagship.ports.forge import Run
from tagship.release.next_version import OTHER
from tagship.verbs.tag import tag
from tests.fakes.app import environments
from tests.fakes.forge import FakeForge
from tests.fakes.prompt import CTRL_C
from tests.unit.channel import Release


def refused(release: Release, kind: type[TagshipError] = Refused, **flags: object) -> TagshipError:
    """The error that tagging ends with, nothing having changed on either side."""
    with pytest.raises(kind) as told:
        tag(release.app, env="dev", **{"yes": True, **flags})  # type: ignore[arg-type]
    assert type(told.value) is kind
    assert release.unchanged
    assert not release.repository.pushes
    return told.value


def test_the_next_patch_is_tagged_here_and_not_pushed() -> None:
    release = Release()
    done = tag(release.app, env="dev", yes=True)
    made = release.repository.tag("0.1.1-dev")
    assert done.outcome == "tagged"
    assert made is not None
    assert made.commit == release.repository.head
    assert "0.1.1-dev" not in release.remote.tags
    assert "push it: git push --atomic" in release.app.screen.text
    assert "undo it: git tag --delete 0.1.1-dev" in release.app.screen.text


def test_ten_comes_after_nine() -> None:
    release = Release(released=("0.1.9-dev", "0.1.10-dev", "0.1.2-dev"))
    assert str(tag(release.app, env="dev", yes=True, verbose=True).plan.version) == "0.1.11-dev"
    _, rows = release.app.screen.tables[0]
    assert [row[0] for row in rows] == ["0.1.10-dev", "0.1.9-dev", "0.1.2-dev"]
    assert [row[-1] for row in rows] == ["latest", "", ""]
    assert rows[0][1:3] == ["2026-11-20 12:00", "Ada"]


def test_five_versions_are_shown() -> None:
    release = Release(released=tuple(f"0.1.{patch}-dev" for patch in range(12)))
    tag(release.app, env="dev", yes=True)
    assert "  last tags: 0.1.11-dev, 0.1.10-dev, 0.1.9-dev, 0.1.8-dev, 0.1.7-dev" in release.app.screen.lines
    assert not release.app.screen.tables, "who and when are for --verbose, and for versions"


def test_patch_is_preselected_and_minor_and_major_are_offered_with_their_results() -> None:
    release = Release("0.2.0-dev", True)
    assert str(tag(release.app, env="dev").plan.version) == "0.2.0-dev"
    offered = release.app.prompt.offered[0]
    assert list(offered)[:3] == ["0.1.1-dev", "0.2.0-dev", "1.0.0-dev"]
    assert offered["1.0.0-dev"] == "1.0.0-dev  (major)"


def test_free_entry_is_refused_with_the_reason_until_it_can_be() -> None:
    wrong = ["1", "0.1.7-prod", "0.0.9-dev", "0.1.0-dev", "0.1.7-dev; rm -rf /", "\u0660.\u0661.\u0662-dev", "9" * 300]
    release = Release(OTHER, *wrong, "0.1.7-dev", True)
    assert str(tag(release.app, env="dev").plan.version) == "0.1.7-dev"
    said = release.app.prompt.problems
    assert len(said) == len(wrong)
    for reason, told in zip(
        [
            "three numbers",
            "suffix is not -dev",
            "lower than the latest, 0.1.0-dev",
            "taken: 0.1.0-dev is commit",
            "characters",
        ],
        said,
        strict=False,
    ):
        assert reason in told
    assert "tagged by Ada" in said[3]


def test_the_message_says_who_from_where_and_what_is_new() -> None:
    message = tag((release := Release()).app, env="dev", yes=True).plan.message
    assert message.splitlines()[0] == "hello 0.1.1-dev"
    commit = release.repository.head[:12]
    assert f"Tagged by Ada <ada@example.com>, at ada@laptop, from dev at {commit}." in message
    assert "Since 0.1.0-dev:\n- Mend the thing" in message
    assert "Begin" not in message


def test_the_notes_begin_after_what_the_environment_runs() -> None:
    release = Release(released=())
    release.app.signed_in = True
    for name in ("0.1.0-dev", "0.1.1-dev"):
        release.repository.commit(f"Work of {name}")
        release.release(name)
    release.repository.commit("New")
    for number, state in enumerate(("requested", "started", "healthy")):
        at = "2026-11-20T11:00:00+00:00"
        release.app.ledger.append(Entry("1", number, state, at, "hello", "dev", "deploy", "0.1.0-dev", "ada", "here"))
    message = tag(release.app, env="dev", yes=True).plan.message
    assert "Since 0.1.0-dev:\n- New\n- Work of 0.1.1-dev" in message


def test_a_dry_run_shows_the_commands_and_changes_nothing() -> None:
    release = Release()
    done = tag(release.app, env="dev", dry_run=True)
    assert done.outcome == "planned"
    assert release.unchanged
    assert f"git tag --annotate 0.1.1-dev {release.repository.head}" in release.app.screen.text
    assert release.app.screen.lines[-1] == "Nothing was changed."
    assert done.as_data()["version"] == "0.1.1-dev"


def test_an_unconfirmed_plan_changes_nothing() -> None:
    assert refused(Release("", False), Interrupted, yes=False).what == "Not confirmed."


@pytest.mark.parametrize("answers", [(CTRL_C,), ("", CTRL_C), (OTHER, CTRL_C)])
def test_ctrl_c_at_any_question_changes_nothing(answers: tuple[object, ...]) -> None:
    assert refused(Release(*answers), Interrupted, yes=False).exit_code == 130


def test_without_a_terminal_the_wanted_flags_are_named() -> None:
    problem = refused(Release(), UsageError, yes=False)
    assert "no terminal" in problem.what
    assert "neither --version nor --yes" in problem.what
    assert problem.remedy.endswith("inv tag --version 0.1.1-dev --yes")


def test_without_a_terminal_a_version_still_wants_yes() -> None:
    problem = refused(Release(), UsageError, yes=False, version="0.1.1-dev")
    assert "no --yes" in problem.what
    assert problem.remedy.endswith("--version 0.1.1-dev --yes")


BAD: list[tuple[str, str]] = [
    ("latest", "three numbers"),
    ("v0.1.1-dev", "a leading v"),
    ("0.1.1", "does not belong to this channel"),
    ("0.1.1-prod", "its suffix is not -dev"),
    ("0.1.30-dev; rm -rf /", "characters other than"),
    ("0.1.30-dev\n0.1.31-dev", "characters other than"),
    ("0.1.30-dev\n", "characters other than"),
    ("\u0660.\u0661.\u0663-dev", "characters other than plain"),
    ("0.1.3\uff10-dev", "characters other than plain"),
    ("0.1." + "3" * 300, "has 304 characters"),
    ("0.01.1-dev", "starts with 0"),
    ("-dev", "three numbers"),
    ("--help", "three numbers"),
]


@pytest.mark.parametrize(("version", "reason"), BAD)
def test_what_is_no_version_of_the_channel_is_a_usage_error(version: str, reason: str) -> None:
    problem = refused(Release(), UsageError, version=version)
    assert reason in problem.what
    assert "\n" not in problem.what
    assert problem.exit_code == 2


def test_a_version_lower_than_the_latest_is_refused() -> None:
    problem = refused(Release(released=("0.2.0-dev",)), version="0.1.9-dev")
    assert "lower than the latest, 0.2.0-dev" in problem.what
    assert problem.remedy.endswith("inv tag --version 0.2.1-dev --yes")


def test_a_version_taken_here_is_refused_with_whose_it_is() -> None:
    release = Release()
    release.repository.create_tag("0.1.5-dev", release.repository.head, "stray")
    release.repository.commit("More")
    release.before = release.snapshot()
    problem = refused(release, version="0.1.5-dev")
    assert "it is taken: 0.1.5-dev is commit" in problem.what
    assert "by Ada" in problem.what


def test_a_version_taken_there_is_refused_with_whose_it_is() -> None:
    release = Release()
    theirs = release.grace_takes("0.1.5-dev")
    release.repository.local["0.1.5-dev"] = theirs  # what the fetch brings
    release.before = release.snapshot()
    assert "by Grace <grace@example.com>" in refused(release, version="0.1.5-dev").what


def wrong_branch(release: Release) -> None:
    release.repository.branch = "feature"


def detached(release: Release) -> None:
    release.repository.branch = ""


def dirty(release: Release) -> None:
    release.repository.dirty = ("a.py", "b.py", "c.py", "d.py")


def behind(release: Release) -> None:
    release.repository.share()
    release.remote.heads["dev"] = release.repository.commit("Hers", parent=release.repository.head)
    release.before = release.snapshot()


def diverged(release: Release) -> None:
    release.remote.heads["dev"] = release.repository.commit("Hers", parent=release.remote.heads["dev"])
    release.before = release.snapshot()


def unreachable(release: Release) -> None:
    release.remote.reachable = False


def shallow(release: Release) -> None:
    release.repository.shallow = True


def moved(release: Release) -> None:
    release.grace_takes("0.1.0-dev")
    release.before = release.snapshot()


CASES: list[tuple[Callable[[Release], None], str, str]] = [
    (wrong_branch, "you are on feature; this is released from dev", "git switch dev"),
    (detached, "HEAD is detached", "git switch dev"),
    (dirty, "not committed: a.py, b.py, c.py and 1 more", "git stash --include-untracked"),
    (behind, "origin/dev has 1 commit more", "git pull --ff-only origin dev"),
    (diverged, "have diverged: 1 commit here, 1 commit there", "git pull --rebase origin dev"),
    (unreachable, "The remote origin cannot be reached: no route", "git ls-remote --heads origin"),
    (shallow, "the clone is shallow", "git fetch --unshallow origin"),
    (moved, "not the same tag here and on origin: 0.1.0-dev", "git fetch --no-tags --force origin refs/tags/0.1.0-dev"),
]


@pytest.mark.parametrize(("spoil", "problem", "remedy"), CASES)
def test_a_failed_check_refuses_with_its_remedy(spoil: Callable[[Release], None], problem: str, remedy: str) -> None:
    release = Release()
    spoil(release)
    told = refused(release)
    assert problem in told.what
    assert remedy in told.remedy
    assert told.exit_code == 3
    assert release.app.screen.text.count("✗") == 1
    assert "checks passed" in release.app.screen.text


def test_all_failed_checks_are_told_together() -> None:
    release = Release(ci={"green_before_tag": True})
    release.app.given["forge"] = FakeForge(ci="failure")
    for spoil in (dirty, shallow, moved, diverged):
        spoil(release)
    told = refused(release).what
    assert "Refused by 5 checks" in told
    for words in ("not committed", "have diverged", "shallow", "not the same tag", "CI failed on this commit"):
        assert words in told


@pytest.mark.parametrize(
    ("said", "problem"),
    [("pending", "has not finished"), ("failure", "CI failed"), ("none", "has not seen"), ("", "no token")],
)
def test_ci_must_be_green_where_the_settings_say_so(said: str, problem: str) -> None:
    release = Release(ci={"green_before_tag": True})
    if said:
        release.app.given["forge"] = FakeForge(ci=said)
    assert problem in refused(release).what


def test_green_ci_lets_the_tag_pass() -> None:
    release = Release(ci={"green_before_tag": True})
    release.app.given["forge"] = FakeForge(ci="success")
    assert tag(release.app, env="dev", yes=True).outcome == "tagged"


def test_a_channel_without_tags_wants_to_hear_that_it_is_the_first() -> None:
    problem = refused(Release(released=()))
    assert "there is no tag X.Y.Z-dev here or on origin" in problem.what
    assert problem.remedy.endswith("inv tag --yes --first")
    chosen = refused(Release(released=()), version="0.2.0-dev")
    assert chosen.remedy.endswith("inv tag --version 0.2.0-dev --yes --first")


def test_the_first_version_is_0_1_0() -> None:
    assert str(tag(Release(released=()).app, env="dev", yes=True, first=True).plan.version) == "0.1.0-dev"


def test_a_final_channel_has_no_suffix() -> None:
    release = Release(released=("0.1.0-dev", "0.1.0"), environments=environments(suffix=""))
    assert str(tag(release.app, env="dev", yes=True).plan.version) == "0.1.1"


def test_a_commit_that_is_out_under_a_number_is_not_tagged_again_and_nothing_is_advised_against_it() -> None:
    release = Release()
    release.release("0.1.1-dev")
    release.before = release.snapshot()
    done = tag(release.app, env="dev", yes=True)
    assert done.plan.on_remote
    assert release.unchanged
    assert "0.1.1-dev is this commit, and on origin already. Nothing was changed." in release.app.screen.lines
    assert "inv deploy-dev --version 0.1.1-dev" in release.app.screen.text
    assert "inv tag --version 0.1.2-dev" in release.app.screen.text
    for wrong in ("not pushed", "delete", "git push"):
        assert wrong not in release.app.screen.text


def test_a_tag_that_is_only_here_is_said_to_be() -> None:
    release = Release()
    tag(release.app, env="dev", yes=True)
    tag(release.app, env="dev", yes=True)
    assert release.app.screen.lines[-3] == "0.1.1-dev is tagged here, and not pushed."


def test_another_commit_of_the_branch_is_tagged_whatever_the_tree_looks_like() -> None:
    release = Release()
    earlier = release.repository.parents[release.repository.head]
    for spoil in (dirty, detached):
        spoil(release)
    done = tag(release.app, env="dev", version="0.1.5-dev", commit=earlier[:10], yes=True)
    assert done.plan.commit == earlier
    assert done.plan.branch == ""


def test_a_commit_of_ones_own_is_pushed_up_to_there() -> None:
    release = Release()
    mine = release.repository.head
    release.repository.commit("Not yet")
    done = tag(release.app, env="dev", commit=mine, yes=True)
    assert (done.plan.commit, done.plan.branch) == (mine, "dev")


def test_a_commit_of_neither_side_is_refused() -> None:
    release = Release()
    stray = release.repository.commit("Stray", parent="")
    assert "neither on origin/dev nor in what is checked out" in refused(release, commit=stray[:10]).what


def test_a_commit_that_is_none_is_a_usage_error() -> None:
    assert "is not a commit" in refused(Release(), UsageError, commit="feedface").what


def test_somebody_without_a_name_is_refused_before_anything_is_made() -> None:
    release = Release()
    release.repository.identity = ""
    assert "does not know who you are" in refused(release).what


def test_the_channel_is_found_by_environment_or_suffix() -> None:
    for named in ({}, {"suffix": "dev"}, {"env": "dev"}):
        assert tag(Release().app, yes=True, **named).plan.environment == "dev"  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="belongs to no environment"):
        tag(Release().app, suffix="prod")
    with pytest.raises(UsageError, match="do not end in -prod"):
        tag(Release().app, env="dev", suffix="prod")
    with pytest.raises(SettingsError, match="no environment 'nowhere'"):
        tag(Release().app, env="nowhere", suffix="dev")


# -- what was found out before ----------------------------------------------------------------------------------------


def test_what_ships_is_said_before_the_question() -> None:
    release = Release("", True)
    release.repository.commit("Set the greeting")
    tag(release.app, env="dev")
    assert "  0.1.1-dev = 2 commits since 0.1.0-dev: Set the greeting · Mend the thing" in release.app.screen.lines
    assert release.app.prompt.asked[-1] == f"Tag {release.repository.head[:7]} as 0.1.1-dev?"
    assert "git tag --annotate" not in release.app.screen.text, "the exact commands are for --verbose"


def test_with_verbose_the_exact_commands_are_shown() -> None:
    release = Release("", True)
    tag(release.app, env="dev", verbose=True)
    assert "git tag --annotate" in release.app.screen.text


@pytest.mark.parametrize(
    ("gone", "problem"),
    [
        ("app/app.py", "has no file app"),
        (".github/workflows/deploy-dev.yml", "has no .github/workflows"),
    ],
)
def test_what_ci_would_miss_is_seen_before_a_number_is_spent(gone: str, problem: str) -> None:
    release = Release(bundle={"include": ["app"]})
    del release.repository.tree[gone]
    assert problem in refused(release).what


def test_a_git_that_fails_is_not_called_a_commit_without_workflows() -> None:
    release = Release()

    def fails(commit: str, paths: Sequence[str]) -> Iterator[Any]:
        raise Refused("git ls-tree failed: fatal: out of memory.", remedy="Look at it: git status")

    release.repository.files = fails  # type: ignore[method-assign]
    assert refused(release).what == "git ls-tree failed: fatal: out of memory."


def test_a_workflow_that_no_tag_starts_is_seen_before_a_number_is_spent() -> None:
    release = Release()
    release.repository.tree[".github/workflows/deploy-dev.yml"] = b"on:\n  push:\n    branches: [dev]\n"
    assert "starts on a pushed tag" in refused(release).what


def test_a_freeze_is_seen_before_a_number_is_spent() -> None:
    release = Release()
    release.app.signed_in = True
    now = release.app.freezes.now()
    until = (now + timedelta(hours=1)).isoformat()
    release.app.freezes.write(Freeze("dev", until=until, reason="a launch", who="eve@desk", at=now.isoformat()), "")
    assert "a launch" in refused(release, Held).what


def test_a_number_that_was_published_or_deployed_is_never_suggested_again() -> None:
    release = Release()
    release.app.signed_in = True
    release.app.publish("0.1.1-dev")
    release.app.ledger.ran("0.1.2-dev")
    assert str(tag(release.app, env="dev", yes=True).plan.version) == "0.1.3-dev"


def test_a_spent_number_is_refused_by_name() -> None:
    release = Release()
    release.app.signed_in = True
    release.app.publish("0.1.4-dev")
    problem = refused(release, version="0.1.4-dev")
    why = "it is taken: it is published (the bucket has it)"
    assert problem.what == f"0.1.4-dev cannot be the next version, because {why}."
    assert problem.remedy == "Take the next one: inv tag --version 0.1.5-dev --yes"


def test_without_credentials_a_number_that_ci_ran_for_is_not_suggested() -> None:
    release = Release()
    release.app.given["forge"] = forge = FakeForge()
    forge.of_tag["0.1.1-dev"] = Run("7", "https://github.com/acme/hello/actions/runs/7", "completed", "success")
    assert str(tag(release.app, env="dev", yes=True).plan.version) == "0.1.2-dev"


def test_the_first_line_says_what_runs_or_what_was_tagged() -> None:
    release = Release()
    tag(release.app, env="dev", yes=True)
    first = release.app.screen.lines[0]
    assert first.startswith("hello: the latest tag of dev is 0.1.0-dev (just now, Ada)")
    assert first.endswith("checks passed")
    release = Release()
    release.app.signed_in = True
    release.app.ledger.ran("0.1.0-dev")
    tag(release.app, env="dev", yes=True)
    assert release.app.screen.lines[0].startswith("hello: dev runs 0.1.0-dev (50 days ago, ada)")


def test_a_ledger_that_does_not_answer_is_said_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Release()
    release.app.signed_in = True

    def down(*_: object) -> None:
        raise ServiceFailed("S3 does not answer.", remedy="Wait.")

    monkeypatch.setattr(release.app.ledger, "deployments", down)
    assert tag(release.app, env="dev", yes=True).outcome == "tagged"
    assert release.app.screen.warnings == [
        "What dev runs, and which numbers are spent, was not asked: S3 does not answer."
    ]
