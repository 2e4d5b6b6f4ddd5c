"""cleanup: what goes, what stays, when it refuses, and what is left if it is cut short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from tagship.domain import layout
from tagship.domain.deployment import Entry
from tagship.errors import Held, Refused, ServiceFailed, SettingsError, UsageError
from tagship.verbs.cleanup import Cleanup, cleanup
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.mark_good import mark_good
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.target import machine

DAY = 86400.0
MANY = [f"0.1.{number}-dev" for number in range(10)]


def shipped(*versions: str, app: FakeApp | None = None) -> FakeApp:
    """Each version published and deployed, a day after the other; then a month passes."""
    app = app or FakeApp()
    for version in versions or MANY:
        app.publish(version)
        deploy(app, artifact=version)
        app.clock.advance(DAY)
    app.clock.advance(30 * DAY)
    return app


def stored(app: FakeApp, environment: str = "dev") -> list[str]:
    prefix = layout.artifacts("hello", environment)
    names = {key.removeprefix(prefix).partition("/")[0] for key in app.store.objects if key.startswith(prefix)}
    return sorted(names)


def done(result: Cleanup) -> Cleanup:
    result.insist()
    return result


def reasons(result: Cleanup) -> dict[str, str]:
    return {row.artifact: row.reason for row in result.environments[0].rows}


def test_the_newest_five_healthy_ones_stay_and_the_older_ones_go() -> None:
    app = shipped()
    done(cleanup(app))
    assert stored(app) == MANY[5:]
    assert "dev: 5 artifacts gone" in app.screen.text


def test_a_dry_run_names_what_would_go_and_why_and_deletes_nothing() -> None:
    app = shipped()
    result = done(cleanup(app, dry_run=True))
    assert stored(app) == MANY
    assert reasons(result)[MANY[0]] == "nothing uses it"
    assert reasons(result)[MANY[9]] == "web-1 runs it"
    assert reasons(result)[MANY[8]] == "a rollback may go to it"
    assert reasons(result)[MANY[5]] == "one of the newest 5 healthy ones"
    assert "5 artifacts would go" in app.screen.text
    assert not [verb for verb, _ in app.store.writes if verb == "delete"]


def test_explain_lists_each_artifact_as_it_goes() -> None:
    app = shipped()
    cleanup(app, explain=True)
    [(columns, rows)] = app.screen.tables[-1:]
    assert columns[:3] == ["ARTIFACT", "SIZE", "AGE"]
    assert [row[0] for row in rows] == MANY
    assert [row[3] for row in rows] == ["goes"] * 5 + ["stays"] * 5


def test_what_is_young_stays_whatever_the_count() -> None:
    app = shipped()
    done(cleanup(app, days=60, keep=0))
    assert stored(app) == MANY


def test_with_a_count_of_none_what_runs_and_what_a_rollback_goes_to_stays() -> None:
    app = shipped()
    done(cleanup(app, keep=0))
    assert stored(app) == MANY[7:]


def test_a_failed_version_is_not_counted_and_goes_when_it_is_old() -> None:
    app = shipped(*MANY[:6])
    app.hosts.faults["0.2.0-dev"] = "error"
    app.publish("0.2.0-dev")
    with pytest.raises(Exception, match=r"0\.2\.0-dev"):
        deploy(app, artifact="0.2.0-dev")
    app.clock.advance(30 * DAY)
    done(cleanup(app))
    assert stored(app) == MANY[1:6]


def test_a_version_marked_bad_is_not_counted_and_one_marked_good_stays() -> None:
    app = shipped()
    mark_bad(app, version=MANY[8], reason="it leaks")
    mark_bad(app, version=MANY[0], reason="it leaks")
    mark_good(app, version=MANY[0], reason="it was the network")
    done(cleanup(app))
    assert stored(app) == [MANY[0], *MANY[4:8], MANY[9]], "five healthy ones, and the one that somebody stood up for"


def test_what_another_environment_runs_stays_in_this_one() -> None:
    app = shipped(app=two_environments())
    at = app.clock.now().isoformat()
    app.ledger.append(
        Entry("20261201-120000-000001-abcdef", 1, "healthy", at, "hello", "prod", "deploy", MANY[0], "a", "")
    )
    done(cleanup(app, env="dev"))
    assert stored(app) == [MANY[0], *MANY[5:]]


def two_environments() -> FakeApp:
    dev = VALUES["environments"]["dev"]
    return FakeApp(settings=settings(environments={"dev": dev, "prod": {**dev, "branch": "main"}}))


def test_what_hosts_that_boot_start_stays() -> None:
    app = shipped()
    app.hosts.commits = [change for change in app.hosts.commits if change.artifact_id == MANY[1]]
    done(cleanup(app))
    assert stored(app) == [MANY[1], *MANY[5:]]


def test_a_manifest_is_deleted_before_anything_else_of_its_artifact() -> None:
    app = shipped()
    app.store.writes.clear()
    done(cleanup(app))
    deleted = [key for verb, key in app.store.writes if verb == "delete"]
    last = max(position for position, key in enumerate(deleted) if key.endswith("manifest.json"))
    assert all(key.endswith("manifest.json") for key in deleted[: last + 1])
    assert len(deleted) == 15


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("request_number", [1, 2])
def test_a_cleanup_that_was_killed_leaves_nothing_that_looks_whole_and_converges(
    place: str, request_number: int
) -> None:
    app = shipped()
    calls: list[str] = []

    def die(verb: str, _key: str) -> None:
        calls.extend([verb] if verb == "delete_all" else [])
        if verb == "delete_all" and len(calls) == request_number:
            raise KeyboardInterrupt

    setattr(app.store, place, die)
    with pytest.raises(KeyboardInterrupt):
        cleanup(app)
    for version in stored(app):
        whole = layout.artifact("hello", "dev", version, layout.MANIFEST) in app.store.objects
        bundle = layout.artifact("hello", "dev", version, layout.BUNDLE) in app.store.objects
        assert bundle or not whole
    setattr(app.store, place, lambda _verb, _key: None)
    done(cleanup(app))
    assert stored(app) == MANY[5:]


# -- when it refuses, or leaves an environment alone -------------------------------------------------------------------


def test_a_ledger_that_cannot_be_read_refuses() -> None:
    app = shipped()
    app.ledger.cannot_read = ["hello/_ledger/dev/x/1-healthy.json"]
    with pytest.raises(Refused, match="can't all be read"):
        cleanup(app)
    assert stored(app) == MANY


def test_a_spoilt_index_is_no_reason_to_refuse() -> None:
    app = shipped()
    app.ledger.cannot_read = ["hello/_ledger/dev/_index/a_b.json.gz"]
    done(cleanup(app))
    assert stored(app) == MANY[5:]


@pytest.mark.parametrize("observed", ["silent", "offline", "gone"])
def test_a_unit_that_cannot_be_asked_refuses(observed: str) -> None:
    app = shipped()
    if observed == "silent":
        app.hosts.machines[0].observed_as = "silent"
    elif observed == "offline":
        app.hosts.machines[0] = machine("web-1", MANY[9], online=False)
    else:
        app.hosts.machines.clear()
    result = cleanup(app)
    with pytest.raises(Refused):
        result.insist()
    assert stored(app) == MANY
    assert "dev was not cleaned up" in app.screen.text


def test_a_unit_that_runs_what_the_ledger_does_not_know_refuses() -> None:
    app = shipped()
    app.hosts.machines[0].serving = "9.9.9-dev"
    with pytest.raises(Refused, match="knows nothing of"):
        cleanup(app).insist()
    assert stored(app) == MANY


def test_a_frozen_environment_keeps_everything_and_that_is_no_failure() -> None:
    app = shipped()
    freeze(app, env="dev", until="8h", reason="the sale")
    done(cleanup(app))
    assert stored(app) == MANY
    assert "nothing of dev is deleted now: it is frozen until" in app.screen.text


def test_an_environment_that_somebody_holds_keeps_everything() -> None:
    app = shipped()
    app.leases.take("dev", holder="eve@desk", run_url="", deployment_id="d-1", ttl=120)
    result = done(cleanup(app))
    assert stored(app) == MANY
    assert result.environments[0].hold == "eve@desk holds dev"


def test_who_deploys_while_it_looks_stops_it() -> None:
    app = shipped()
    entries = list(app.ledger.entries)

    def deployed_meanwhile(_change: object) -> None:
        at = app.clock.now().isoformat()
        app.ledger.entries = [
            *entries,
            Entry("20270101-120000-000001-abcdef", 1, "requested", at, "hello", "dev", "deploy", MANY[0], "e", ""),
        ]

    app.hosts.asking = deployed_meanwhile
    with pytest.raises(Held, match="during the cleanup"):
        cleanup(app).insist()
    assert stored(app) == MANY
    seen = app.leases.look("dev")
    assert seen
    assert not seen.record.holder, "the lease is free again"


def test_objects_that_could_not_be_deleted_are_named_and_fail() -> None:
    app = shipped()
    app.store.delete_all = lambda keys: dict.fromkeys(keys, "AccessDenied: no")  # type: ignore[method-assign]
    with pytest.raises(ServiceFailed, match="AccessDenied") as failure:
        cleanup(app).insist()
    assert "the role Cleanup" in failure.value.remedy
    assert stored(app) == MANY


def test_what_was_deleted_before_it_failed_is_said() -> None:
    app = shipped()
    remove = app.store.delete_all

    def fail(keys: Sequence[str]) -> Mapping[str, str]:
        if not all(key.endswith(layout.MANIFEST) for key in keys):
            raise ServiceFailed("S3 is down.", remedy="Wait.")
        return remove(keys)

    app.store.delete_all = fail  # type: ignore[method-assign]
    with pytest.raises(ServiceFailed, match="S3 is down") as failure:
        cleanup(app).insist()
    assert failure.value.state == "Deleted by then: 5 objects of artifacts that go."


def test_what_is_no_artifact_is_left_alone() -> None:
    app = shipped()
    for key in ("hello/dev/notes.txt", "hello/dev/terraform.tfstate/x", "hello/_pointer/dev.json"):
        app.store.create(key, b"mine")
    app.clock.advance(365 * DAY)
    done(cleanup(app))
    assert {"hello/dev/notes.txt", "hello/dev/terraform.tfstate/x", "hello/_pointer/dev.json"} <= set(app.store.objects)


def test_a_pull_request_is_its_environment() -> None:
    with pytest.raises(SettingsError, match="pr-51"):
        cleanup(FakeApp(), pr="51")


@pytest.mark.parametrize("flags", [{"env": "dev", "pr": "51"}, {"pr": "x"}, {"days": -1}, {"keep": -1}], ids=str)
def test_a_wrong_flag_is_refused_and_the_right_one_named(flags: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        cleanup(FakeApp(), **flags)  # type: ignore[arg-type]


def test_json_has_totals_and_each_artifact() -> None:
    app = shipped()
    data = cleanup(app, dry_run=True).as_data()
    [dev] = data["environments"]  # type: ignore[misc]
    assert (dev["environment"], dev["go"], dev["stay"], data["days"], data["keep"]) == ("dev", 5, 5, 7, 5)
    assert dev["go_bytes"] == sum(row["bytes"] for row in dev["rows"] if row["goes"])
    assert timedelta(days=dev["rows"][0]["days"]) > timedelta(days=30)
