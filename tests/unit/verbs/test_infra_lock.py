"""infra.lock and infra.unlock: who has a state, and freeing what a dead run left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tagship.domain import layout
from tagship.domain.statelock import SUFFIX, AtWork
from tagship.errors import Held, Refused, ServiceFailed, SettingsError, UsageError
from tagship.ports.forge import Run
from tagship.verbs.infra_lock import infra_lock
from tagship.verbs.infra_unlock import infra_unlock
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.forge import FakeForge
from tests.fakes.store import MemoryStore

ID = "65b132de-ee33-005a-61a6-39f28dd240e0"
OTHER = "00000000-0000-0000-0000-000000000000"
KEY = layout.state("hello", "dev") + SUFFIX
NOTE = layout.at_work("hello", "dev") + "1.json"
URL = "https://github.com/acme/hello/actions/runs/4711"
LIVES, ENDED = Run("4711", URL, "in_progress"), Run("4711", URL, "completed", "failure")


def make(*, forge: FakeForge | None = None, **changes: object) -> FakeApp:
    app = FakeApp(settings(environments=environments(infra={"directory": "infra", **changes})), given={"forge": forge})
    app.store = MemoryStore(clock=app.clock)
    return app


def held(*, forge: FakeForge | None = None, run_url: str = "", noted: bool = True) -> FakeApp:
    """An hour ago somebody noted that they start; ten seconds later their Terraform took the lock."""
    app = make(forge=forge)
    if noted:
        work = AtWork("run 4711 (octocat)" if run_url else "ada@laptop", "vm", run_url, "0.1.0-dev")
        app.store.create(NOTE, work.to_json())
    app.clock.advance(10)
    lock = {"ID": ID, "Operation": "OperationTypeApply", "Info": "", "Who": "root@vm", "Version": "1.11.4"}
    app.store.create(KEY, json.dumps(lock).encode())
    app.clock.advance(3600)
    return app


def test_a_free_state_says_so() -> None:
    app = make()
    assert [one.state for one in infra_lock(app)] == ["free"]
    assert app.screen.lines == ["nobody holds the Terraform state of dev"]


def test_an_environment_without_a_state_is_not_listed() -> None:
    app = make(directory=".", command=["cdk"])
    assert infra_lock(app) == []
    assert app.screen.lines == ["Terraform has no state of dev: no infra.directory in tagship.toml"]


def test_an_unknown_environment_is_an_error() -> None:
    with pytest.raises(SettingsError):
        infra_lock(make(), env="qa")


def test_a_lock_says_who_since_when_for_what_and_how_to_free_it() -> None:
    app = held()
    [found] = infra_lock(app, env="dev")
    assert (found.state, found.id, found.who, found.operation) == ("held", ID, "root@vm", "apply")
    facts = "apply, 60 min ago, for 0.1.0-dev by ada@laptop"
    assert app.screen.lines == [
        f"root@vm has held the Terraform state of dev since 2026-11-20 12:00 UTC ({facts})",
        f"  if it is dead: inv infra.unlock --env dev --id {ID}",
    ]


def test_a_lock_of_nobody_known_is_still_shown() -> None:
    app = held(noted=False)
    infra_lock(app)
    assert app.screen.lines[0].endswith("UTC (apply, 60 min ago)")


@pytest.mark.parametrize(("run", "told"), [(LIVES, "is running"), (ENDED, "has ended")])
def test_the_run_of_a_lock_is_asked_for(run: Run, told: str) -> None:
    app = held(forge=FakeForge(run), run_url=URL)
    infra_lock(app)
    assert f"for 0.1.0-dev by run 4711 (octocat), {URL} {told})" in app.screen.lines[0]
    assert ("infra.unlock" in app.screen.text) == (run is ENDED)


def test_what_is_no_lock_of_terraforms_is_freed_by_the_name_of_its_damage() -> None:
    app = make()
    app.store.create(KEY, b"half a lo")
    [found] = infra_lock(app)
    assert app.screen.lines[-1] == f"  if nobody works on that state: inv infra.unlock --env dev --id {found.id}"
    there = app.store.objects[KEY]
    app.store.replace(KEY, b"another half", there.etag)
    with pytest.raises(Refused):
        infra_unlock(app, id=found.id)
    [found] = infra_lock(app)
    assert infra_unlock(app, id=found.id).state == "free"
    assert KEY not in app.store.objects


def test_a_damaged_lock_is_not_freed_while_a_run_that_may_have_it_lives() -> None:
    app = held(forge=FakeForge(LIVES), run_url=URL)
    there = app.store.objects[KEY]
    app.store.replace(KEY, b"half a lo", there.etag)
    [found] = infra_lock(app)
    with pytest.raises(Held):
        infra_unlock(app, id=found.id)


def test_what_is_no_lock_of_terraforms_is_named_and_not_freed() -> None:
    app = make()
    app.store.create(KEY, b"mine!")
    assert infra_lock(app)[0].state == "unreadable"
    with pytest.raises(Refused, match="is not a Terraform lock"):
        infra_unlock(app, id=ID)
    assert KEY in app.store.objects


def test_a_state_that_was_freed_is_never_said_to_be_unchanged() -> None:
    app = held(forge=FakeForge(ENDED), run_url=URL)

    def silent(verb: str, key: str) -> None:
        if (verb, key) == ("delete", NOTE):
            raise ServiceFailed("S3 is down.", remedy="Wait.")

    app.store.before = silent
    with pytest.raises(ServiceFailed) as caught:
        infra_unlock(app, id=ID)
    assert caught.value.state == "The Terraform state of dev is free; notes of runs that ended are left."
    assert KEY not in app.store.objects


def test_a_note_that_cannot_be_read_is_passed_over() -> None:
    app = held()
    app.store.objects[NOTE] = replace(app.store.objects[NOTE], body=b"?")
    assert infra_lock(app)[0].by == ""
    assert "can't be read (it is not JSON)" in app.screen.warnings[0]


# -- freeing -----------------------------------------------------------------------------------------------------------


def test_unlock_frees_the_lock_it_names_and_forgets_its_run() -> None:
    app = held()
    assert infra_unlock(app, id=ID).state == "free"
    assert not app.store.objects
    assert app.screen.warnings == ["no CI run is known for this lock: make sure that Terraform no longer runs on vm"]


def test_unlock_refuses_another_id() -> None:
    app = held()
    with pytest.raises(Refused) as caught:
        infra_unlock(app, id=OTHER)
    assert caught.value.what.startswith(f"{OTHER} is not the lock on the state of dev: root@vm has held")
    assert caught.value.remedy == "Look again: inv infra.lock --env dev"
    assert KEY in app.store.objects


def test_unlock_of_a_free_state_is_refused() -> None:
    with pytest.raises(Refused, match="nobody holds the Terraform state of dev"):
        infra_unlock(make(), id=ID)


def test_unlock_wants_the_lock_named() -> None:
    with pytest.raises(UsageError) as caught:
        infra_unlock(held(), id="")
    assert caught.value.remedy.endswith("inv infra.lock --env dev")


def test_unlock_where_terraform_has_no_state_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="Terraform has no state of dev"):
        infra_unlock(FakeApp(), id=ID)


def test_a_dry_run_frees_nothing() -> None:
    app = held()
    assert infra_unlock(app, id=ID, dry_run=True).state == "held"
    assert KEY in app.store.objects


def test_a_lock_that_was_released_and_taken_again_meanwhile_stays() -> None:
    app = held()

    def race(verb: str, key: str) -> None:
        if (verb, key) == ("delete", KEY):
            app.store.objects[KEY] = replace(app.store.objects[KEY], etag='"another"')

    app.store.before = race
    with pytest.raises(Refused, match="was released a moment ago"):
        infra_unlock(app, id=ID)
    assert app.store.objects[KEY].etag == '"another"'


# -- its CI run --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run_ended", [False, True])
def test_the_lock_of_a_run_that_lives_is_not_freed_whatever_is_said(run_ended: bool) -> None:
    app = held(forge=FakeForge(LIVES), run_url=URL)
    with pytest.raises(Held) as caught:
        infra_unlock(app, id=ID, run_ended=run_ended)
    assert caught.value.exit_code == 4
    assert caught.value.what == f"The run that holds the state of dev is still running: {URL}."
    assert caught.value.remedy == "Let it end, or cancel it first: gh run cancel 4711"
    assert KEY in app.store.objects


def test_the_lock_of_a_run_that_has_ended_is_freed() -> None:
    app = held(forge=FakeForge(ENDED), run_url=URL)
    assert infra_unlock(app, id=ID).state == "free"
    assert app.screen.warnings == []


def no_forge() -> FakeForge | None:
    return None


def silent_forge() -> FakeForge:
    forge = FakeForge(LIVES)
    forge.fails = 9
    return forge


@pytest.mark.parametrize("forge", [no_forge, silent_forge])
def test_where_the_forge_cannot_be_asked_a_persons_word_is_wanted(forge: Callable[[], FakeForge | None]) -> None:
    app = held(forge=forge(), run_url=URL)
    with pytest.raises(Refused) as caught:
        infra_unlock(app, id=ID)
    assert caught.value.remedy == f"Look at {URL}; if it has: inv infra.unlock --env dev --id {ID} --run-ended"
    assert infra_unlock(app, id=ID, run_ended=True).state == "free"


def test_a_run_that_began_after_the_lock_has_nothing_to_do_with_it() -> None:
    app = held(noted=False, forge=FakeForge(LIVES))
    app.store.create(NOTE, AtWork("run 4711 (octocat)", "vm", URL, "0.1.0-dev").to_json())
    assert infra_unlock(app, id=ID).state == "free"
    assert NOTE in app.store.objects


def test_of_two_runs_that_may_have_the_lock_either_keeps_it() -> None:
    app = make(forge=FakeForge(LIVES))
    app.store.create(NOTE, AtWork("run 4711 (octocat)", "vm", URL, "0.1.0-dev").to_json())
    app.store.create(NOTE + "2", AtWork("ada@vm", "vm", "", "0.1.0-dev").to_json())
    app.store.create(KEY, json.dumps({"ID": ID, "Who": "root@vm"}).encode())
    with pytest.raises(Held):
        infra_unlock(app, id=ID)


def test_a_bucket_that_cannot_be_asked_frees_nothing() -> None:
    app = held()

    def fail(verb: str, _key: str) -> None:
        raise ServiceFailed("AWS failed.", remedy="Again")

    app.store.before = fail
    with pytest.raises(ServiceFailed):
        infra_unlock(app, id=ID)
    assert KEY in app.store.objects
