"""deploy-dev: branch and tag in one piece, races lost and won, and runs that are repeated."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tagship.errors import Interrupted, Refused, ServiceFailed, TagshipError
from tagship.ports.repository import Tag
from tagship.verbs.deploy_dev import deploy_dev
from tests.fakes.prompt import CTRL_C
from tests.fakes.repository import NOW, FakeRemote, object_id
from tests.unit.channel import GRACE, Release


def ship(release: Release, **flags: object) -> str:
    """Ship without following; the version that was pushed."""
    return str(deploy_dev(release.app, **{"yes": True, "follow": False, **flags}).plan.version)  # type: ignore[arg-type]


def failed(release: Release, kind: type[TagshipError], **flags: object) -> TagshipError:
    with pytest.raises(kind) as told:
        ship(release, **flags)
    assert type(told.value) is kind
    return told.value


def once(act: Callable[[], object]) -> Callable[[], None]:
    """Do it at the first push only."""
    left = [act]
    return lambda: left and left.pop()() and None  # type: ignore[func-returns-value]


def test_branch_and_tag_arrive_together() -> None:
    release = Release()
    assert ship(release) == "0.1.1-dev"
    assert release.remote.heads["dev"] == release.repository.head
    assert release.remote.tags["0.1.1-dev"].commit == release.repository.head
    assert release.repository.pushes == [("dev", "0.1.1-dev")]


def test_the_plan_is_confirmed_once() -> None:
    release = Release("", True)
    question = f"Tag {release.repository.head[:7]} as 0.1.1-dev and push it with dev?"
    assert ship(release, yes=False) == "0.1.1-dev"
    assert release.app.prompt.asked == ["Next version", question]


@pytest.mark.parametrize("answers", [(CTRL_C,), ("", CTRL_C), ("", False)])
def test_leaving_at_the_prompt_changes_nothing(answers: tuple[object, ...]) -> None:
    release = Release(*answers)
    assert failed(release, Interrupted, yes=False).exit_code == 130
    assert release.unchanged
    assert not release.repository.pushes


def test_a_dry_run_ends_after_the_plan() -> None:
    release = Release()
    done = deploy_dev(release.app, dry_run=True)
    assert done.outcome == "planned"
    assert release.unchanged
    assert release.app.screen.lines[-1] == "Nothing was changed."
    assert done.as_data()["commands"] == list(done.plan.commands)


def test_stray_local_tags_stay_here() -> None:
    release = Release()
    release.repository.create_tag("0.0.1-dev", release.repository.head, "stray")
    ship(release)
    assert sorted(release.remote.tags) == ["0.1.0-dev", "0.1.1-dev"]


def test_a_version_taken_meanwhile_is_told_and_the_next_is_taken() -> None:
    release = Release()
    release.repository.during_push = once(lambda: release.grace_takes("0.1.1-dev"))
    assert ship(release) == "0.1.2-dev"
    assert release.remote.tags["0.1.1-dev"].tagger == GRACE
    assert release.repository.local["0.1.1-dev"].tagger == GRACE
    (warning,) = release.app.screen.warnings
    assert "0.1.1-dev is commit" in warning
    assert f"by {GRACE}, just now" in warning


def test_a_version_taken_on_the_very_same_commit_is_not_ours_either() -> None:
    release = Release()
    head = release.repository.head
    release.repository.during_push = once(lambda: release.grace_takes("0.1.1-dev", head))
    assert ship(release) == "0.1.2-dev"
    assert "the same commit" in release.app.screen.text


def test_a_named_version_taken_meanwhile_is_offered_anew() -> None:
    release = Release(True, "", True)
    release.repository.during_push = once(lambda: release.grace_takes("0.3.0-dev"))
    assert ship(release, version="0.3.0-dev", yes=False) == "0.3.1-dev"
    assert list(release.app.prompt.offered[0])[:3] == ["0.3.1-dev", "0.4.0-dev", "1.0.0-dev"]


def test_after_a_lost_race_one_may_leave_with_nothing_half_done() -> None:
    release = Release("", True, CTRL_C)
    release.repository.during_push = once(lambda: release.grace_takes("0.1.1-dev"))
    failed(release, Interrupted, yes=False)
    assert release.repository.local["0.1.1-dev"].tagger == GRACE
    assert release.remote.heads == release.before[2]


def test_five_races_are_run_and_no_more() -> None:
    release = Release()
    taken = iter(range(1, 9))
    release.repository.during_push = lambda: release.grace_takes(f"0.1.{next(taken)}-dev") and None
    problem = failed(release, Refused)
    assert problem.what == "Others took 5 versions in a row."
    assert len(release.repository.pushes) == 5
    assert {one.tagger for name, one in release.repository.local.items() if name != "0.1.0-dev"} == {GRACE}
    assert release.remote.heads == release.before[2]


def test_a_race_lost_to_new_commits_ends_with_the_checks() -> None:
    release = Release()

    def grace() -> None:
        release.remote.heads["dev"] = release.repository.commit("Hers", parent=release.remote.heads["dev"])
        release.grace_takes("0.1.1-dev")

    release.repository.during_push = grace
    assert "have diverged" in failed(release, Refused).what
    assert "0.1.1-dev" not in release.repository.local or release.repository.local["0.1.1-dev"].tagger == GRACE


def test_a_branch_that_moved_during_the_run_takes_the_tag_with_it() -> None:
    release = Release()

    def grace() -> None:
        release.remote.heads["dev"] = release.repository.commit("Hers", parent=release.remote.heads["dev"])

    release.repository.during_push = grace
    problem = failed(release, Refused)
    assert "origin has newer commits (dev: [rejected] (non-fast-forward))" in problem.what
    assert problem.state == "Neither the branch nor the tag was pushed, and the local tag is removed."
    assert problem.remedy == "git pull --ff-only origin dev\n       Then: inv deploy-dev --yes"
    assert release.repository.local == release.remote.tags == release.before[0]


@pytest.mark.parametrize("ref", ["refs/heads/dev", "refs/tags/0.1.1-dev"])
def test_a_protected_ref_takes_nothing(ref: str) -> None:
    release = Release()
    release.remote.refuses[ref] = "protected branch hook declined"
    problem = failed(release, Refused)
    assert "protected branch hook declined" in problem.what
    assert problem.exit_code == 3
    assert release.unchanged


def test_a_mirror_that_refuses_leaves_what_origin_took() -> None:
    release = Release()
    release.remote.mirror = FakeRemote(refuses={"refs/tags/0.1.1-dev": "hook declined"}, says=("policy 7",))
    problem = failed(release, Refused)
    assert problem.what.startswith("Not pushed everywhere: origin refused the push (refs/tags/0.1.1-dev: ")
    assert problem.what.endswith("; it says: policy 7.")
    assert problem.state == (
        "origin has dev and the tag 0.1.1-dev; mirror has nothing of it. The local tag is kept. "
        "If CI listens there, it ships 0.1.1-dev."
    )
    assert f"inv deploy-dev --version 0.1.1-dev --commit {release.repository.head[:12]}" in problem.remedy
    assert release.repository.local["0.1.1-dev"] == release.remote.tags["0.1.1-dev"]
    release.remote.mirror.refuses = {}
    assert ship(release, version="0.1.1-dev", commit=release.repository.head[:12]) == "0.1.1-dev"


def test_a_mirror_that_does_not_answer_is_not_said_to_have_nothing() -> None:
    release = Release()
    release.remote.mirror = FakeRemote(reachable=False)
    problem = failed(release, Refused)
    assert "origin has dev and the tag 0.1.1-dev; mirror does not say what it has." in problem.state


def test_where_nothing_landed_and_a_mirror_is_silent_the_tag_is_kept() -> None:
    release = Release()
    release.remote.refuses["refs/heads/dev"] = "hook declined"
    release.remote.mirror = FakeRemote(reachable=False)
    problem = failed(release, Refused)
    assert problem.what.startswith("The push failed: origin refused the push")
    assert problem.state.endswith("mirror does not say what it has. The local tag is kept.")
    assert "0.1.1-dev" in release.repository.local


def test_the_servers_own_words_are_told() -> None:
    release = Release()
    release.remote.refuses["refs/tags/0.1.1-dev"] = "pre-receive hook declined"
    release.remote.says = ("policy 7: only the release team", "see https://git.example.com/rules")
    problem = failed(release, Refused)
    assert problem.what.endswith("it says: policy 7: only the release team · see https://git.example.com/rules.")
    assert problem.remedy == "Ask the owner of origin to let you push that tag, then: inv deploy-dev --yes"
    assert release.unchanged


def test_a_hook_of_this_repository_that_refuses_is_told() -> None:
    release = Release()
    release.repository.hook = "2 tests failed"
    problem = failed(release, Refused)
    assert problem.what == "Not pushed: the pre-push hook of this repository refused it (2 tests failed)."
    assert release.unchanged


def test_a_tag_that_is_no_version_is_named_once_a_look() -> None:
    release = Release()
    release.repository.create_tag("1.0.1732782000-dev", release.repository.head, "by a script")
    assert ship(release) == "0.1.1-dev"
    sentence = "The tag 1.0.1732782000-dev is ignored: a number has more than 9 digits."
    assert release.app.screen.warnings == [sentence]


def test_a_channel_of_nothing_but_such_tags_is_not_called_empty() -> None:
    release = Release(released=())
    release.repository.create_tag("1.0.1732782000-dev", release.repository.head, "by a script")
    assert "but 1.0.1732782000-dev, passed over" in failed(release, Refused).what


def test_a_version_that_cannot_be_read_back_is_not_made() -> None:
    assert ship(Release(released=("0.1.999999999-dev",))) == "0.2.0-dev"


def test_ctrl_c_during_a_push_that_did_not_arrive_removes_the_tag() -> None:
    release = Release()

    def interrupt() -> None:
        raise KeyboardInterrupt

    release.repository.during_push = interrupt
    problem = failed(release, Interrupted)
    assert problem.what == "Interrupted during the push."
    assert problem.state.startswith("origin has no 0.1.1-dev of yours yet, and the local tag is removed.")
    assert "may still land; then CI ships it" in problem.state
    assert problem.remedy.endswith("git ls-remote origin refs/tags/0.1.1-dev\n       Then: inv deploy-dev --yes")
    assert release.unchanged


def test_ctrl_c_during_a_push_that_arrived_says_so() -> None:
    release = Release()

    def interrupt() -> None:
        raise KeyboardInterrupt

    release.repository.after_push = interrupt
    problem = failed(release, Interrupted)
    assert "0.1.1-dev is on origin, and CI ships it" in problem.state
    assert problem.remedy.startswith("Follow it: inv deploy-dev --version 0.1.1-dev --commit ")
    assert "0.1.1-dev" in release.remote.tags
    assert "0.1.1-dev" in release.repository.local


def test_ctrl_c_during_a_push_that_nobody_can_tell_of_says_that() -> None:
    release = Release()

    def cut() -> None:
        release.remote.reachable = False
        raise KeyboardInterrupt

    release.repository.during_push = cut
    problem = failed(release, Interrupted)
    assert "Can't tell whether 0.1.1-dev landed" in problem.state
    assert "git ls-remote origin refs/tags/0.1.1-dev" in problem.remedy
    assert "0.1.1-dev" in release.repository.local


def test_a_line_that_breaks_during_the_push_is_a_service_that_failed() -> None:
    release = Release()

    def cut() -> None:
        raise ServiceFailed("The remote hung up.", remedy="Wait.")

    release.repository.during_push = cut
    problem = failed(release, ServiceFailed)
    assert "origin has no 0.1.1-dev of yours yet" in problem.state
    assert release.unchanged


def test_a_tag_made_before_a_crash_is_pushed_by_the_next_run() -> None:
    release = Release()
    made = release.repository.create_tag("0.1.1-dev", release.repository.head, "before the crash")
    assert ship(release) == "0.1.1-dev"
    assert release.remote.tags["0.1.1-dev"] == made
    assert release.remote.heads["dev"] == release.repository.head


def test_running_again_after_the_push_changes_nothing() -> None:
    release = Release()
    ship(release)
    release.before = release.snapshot()
    assert release.app.screen.lines[-1] == "Pushed 0.1.1-dev to origin."
    assert ship(release) == "0.1.1-dev"
    assert ship(release, version="0.1.1-dev") == "0.1.1-dev"
    already = "0.1.1-dev is this commit, and on origin already: there is nothing to push."
    assert release.app.screen.lines[-1] == already
    assert release.unchanged
    assert len(release.repository.pushes) == 1


def test_a_branch_that_was_left_behind_by_its_tag_is_said_to_be_pushed_alone() -> None:
    release = Release()
    made = release.repository.create_tag("0.1.1-dev", release.repository.head, "by hand")
    release.remote.tags["0.1.1-dev"] = made
    assert ship(release) == "0.1.1-dev"
    assert release.app.screen.lines[-1] == "0.1.1-dev is on origin already; pushed dev alone."


def test_a_version_that_is_another_commit_stops() -> None:
    release = Release()
    problem = failed(release, Refused, version="0.1.0-dev")
    assert "it is taken: 0.1.0-dev is commit" in problem.what
    assert release.unchanged


def test_the_very_command_that_crashed_may_be_run_again() -> None:
    release = Release(released=())
    assert ship(release, version="0.1.0-dev", first=True) == "0.1.0-dev"
    assert ship(release, version="0.1.0-dev", first=True) == "0.1.0-dev"


def test_a_tag_of_an_earlier_run_outlives_a_refused_push() -> None:
    release = Release()
    made = release.repository.create_tag("0.1.1-dev", release.repository.head, "before the crash")
    release.remote.refuses["refs/heads/dev"] = "protected branch hook declined"
    problem = failed(release, Refused)
    assert problem.state == "Neither the branch nor the tag was pushed, and the local tag is kept."
    assert release.repository.tag("0.1.1-dev") == made


def test_a_tag_of_ours_that_somebody_else_took_before_it_was_pushed_is_a_moved_one() -> None:
    release = Release()
    head = release.repository.head
    ours = release.repository.create_tag("0.1.1-dev", head, "before the crash")
    release.remote.tags["0.1.1-dev"] = Tag("0.1.1-dev", object_id("hers"), head, GRACE, NOW)
    assert "not the same tag here and on origin: 0.1.1-dev" in failed(release, Refused).what
    assert release.repository.tag("0.1.1-dev") == ours


def test_a_commit_on_the_branch_is_pushed_as_a_tag_alone() -> None:
    release = Release()
    earlier = release.repository.parents[release.repository.head]
    assert ship(release, version="0.1.1-dev", commit=earlier) == "0.1.1-dev"
    assert release.repository.pushes == [("0.1.1-dev",)]
    assert release.remote.heads == release.before[2]


def test_a_tag_that_git_did_not_make_leads_on_to_the_push_of_the_one_made_by_hand() -> None:
    release = Release()

    def fails(*_: str) -> Tag:
        raise Refused("Git did not make the tag 0.1.1-dev.", remedy="Try it by hand: git tag 0.1.1-dev")

    release.repository.create_tag = fails  # type: ignore[method-assign]
    with pytest.raises(Refused) as caught:
        deploy_dev(release.app, yes=True, follow=False)
    commit = release.repository.head[:12]
    assert caught.value.remedy == (
        f"Try it by hand: git tag 0.1.1-dev\n       Then: inv deploy-dev --version 0.1.1-dev --commit {commit} --yes"
    )
