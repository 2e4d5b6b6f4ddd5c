"""Each effect of a switch of a static set, and each way in which it can go wrong: what is reported is so.

0.1.0-dev serves, 0.1.1-dev is deployed: two files change, one is new, one is gone. The fault strikes an effect on the
site, or a write of the record of what is there. Whatever happens, the next deployment has every file as it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship.domain import layout
from tagship.errors import DeployFailed, Interrupted, LeaseLost, RollbackFailed, ServiceFailed, TagshipError
from tagship.verbs.deploy import deploy
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import FakeApp, settings
from tests.fakes.death import Died, cut_off
from tests.fakes.site import FakeSite, publish_set

OLD, NEW, LATER = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"
PAGES: Mapping[str, Mapping[str, bytes]] = {
    OLD: {"index.html": b"old", "app.css": b"old", "assets/a.js": b"a", "gone.html": b"old"},
    NEW: {"index.html": b"new", "app.css": b"new", "assets/a.js": b"a", "assets/b.js": b"b"},
    LATER: {"index.html": b"later", "app.css": b"new", "assets/a.js": b"a", "assets/c.js": b"c"},
}
STATIC = {
    "site": {
        "directory": "public",
        "headers": [{"match": "assets/*", "cache_control": "max-age=31536000, immutable"}],
        "environments": {"dev": {"bucket": "hello-site", "distribution": "E2EXAMPLE"}},
    }
}
RECORD = layout.static_presence("hello", "dev", "site")
EFFECTS = [
    ("replace", RECORD, 1),  # two artifacts may be there
    ("put", "assets/b.js", 1),
    ("put", "app.css", 1),
    ("put", "index.html", 1),
    ("invalidate", "", 1),
    ("replace", RECORD, 2),  # the new one is there
]
FAULTS = ("error before", "error after", "killed before", "killed after", "interrupted", "lease lost")


@dataclass
class Fault:
    """What befalls the `number`th effect of that kind; a lasting one befalls every effect after it too."""

    verb: str
    path: str
    number: int
    kind: str
    app: FakeApp
    lasting: bool = False
    seen: int = 0
    struck: int = 0
    over: bool = False
    ends: Mapping[str, Callable[[FakeApp], None]] = field(default_factory=dict)

    def strike(self, moment: str) -> Callable[[str, str], None]:
        def befall(verb: str, path: str) -> None:
            wanted = "after" if self.kind.endswith("after") else "before"
            if self.over or moment != wanted or not self._hits(verb, path):
                return
            self.struck += 1
            ENDS[self.kind.split()[0]](self.app)

        return befall

    def _hits(self, verb: str, path: str) -> bool:
        if self.lasting and self.struck:
            return verb in {"put", "invalidate"}
        if verb != self.verb or (self.path and path != self.path):
            return False
        self.seen += 1
        return self.seen == self.number


def _error(_app: FakeApp) -> None:
    raise ServiceFailed("S3 failed with 500.", remedy="Try again")


def _killed(_app: FakeApp) -> None:
    raise Died


def _interrupted(_app: FakeApp) -> None:
    raise KeyboardInterrupt


def _lease(app: FakeApp) -> None:
    seen = app.leases.look("dev")
    if seen and seen.record.holder:
        app.leases.break_("dev", seen.record.deployment_id)
    raise LeaseLost("Another deployment took the lease.", remedy="Look: inv lock")


ENDS: Mapping[str, Callable[[FakeApp], None]] = {
    "error": _error, "killed": _killed, "interrupted": _interrupted, "lease": _lease
}  # fmt: skip


def served() -> tuple[FakeApp, FakeSite]:
    """dev on OLD with its pages; NEW and LATER are published."""
    app, site = FakeApp(settings=settings(static=STATIC)), FakeSite()
    app.given["site dev site"] = site
    for version, files in PAGES.items():
        app.publish(version)
        publish_set(app, version, files)
    deploy(app, artifact=OLD)
    assert site.serves(PAGES[OLD])
    site.puts.clear()
    site.invalidations.clear()
    app.screen.lines.clear()
    return app, site


def under(fault: Fault, site: FakeSite) -> None:
    site.before, site.after = fault.strike("before"), fault.strike("after")
    fault.app.store.before, fault.app.store.after = fault.strike("before"), fault.strike("after")


def ended(app: FakeApp, act: Callable[[], Any]) -> str:
    try:
        act()
    except TagshipError as reason:
        return type(reason).__name__
    except Died:
        return "died"
    return "healthy"


def check_the_next_one(app: FakeApp, site: FakeSite) -> None:
    """Nothing that went wrong before is left after the next deployment."""
    app.clock.advance(3600)
    assert deploy(app, artifact=LATER, allow_bad=True).state == "healthy"
    assert site.serves(PAGES[LATER])
    assert app.hosts.serving == {"web-1": LATER}


def test_without_a_fault_what_changed_is_put_in_order_and_what_nobody_has_seen_is_not_invalidated() -> None:
    app, site = served()
    deploy(app, artifact=NEW)
    assert site.puts == ["assets/b.js", "app.css", "index.html"]
    assert site.serves(PAGES[NEW])
    assert [paths for paths, _ in site.invalidations] == [("/", "/app.css", "/index.html")]


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: f"{effect[0]} {effect[1]} {effect[2]}")
def test_a_fault_at_any_effect_is_told_and_left_behind_by_the_next_deployment(
    effect: tuple[str, str, int], kind: str
) -> None:
    app, site = served()
    fault = Fault(*effect, kind, app)
    under(fault, site)
    outcome = "died"
    if kind.startswith("killed"):
        with cut_off(app):
            deploy(app, artifact=NEW)
    else:
        outcome = ended(app, lambda: deploy(app, artifact=NEW))
    fault.over = True
    assert fault.struck == 1, "the fault was never met"
    if outcome == "healthy":
        assert site.serves(PAGES[NEW])
    elif outcome in {"DeployFailed", "Interrupted"}:
        assert site.serves(PAGES[OLD])
        assert app.hosts.serving == {"web-1": OLD}
    elif outcome == "died":
        assert resume(app).state == "healthy"
        assert site.serves(PAGES[NEW])
    else:
        assert outcome == "LeaseLost"
    check_the_next_one(app, site)


@pytest.mark.parametrize("effect", EFFECTS[:4], ids=lambda effect: f"{effect[0]} {effect[1]} {effect[2]}")
def test_if_putting_back_fails_too_it_is_said_so_and_mended_by_the_next(effect: tuple[str, str, int]) -> None:
    app, site = served()
    fault = Fault(*effect, "error before", app, lasting=True)
    under(fault, site)
    with pytest.raises((RollbackFailed, DeployFailed)) as caught:
        deploy(app, artifact=NEW)
    fault.over = True
    if site.serves(PAGES[OLD]):
        return
    assert isinstance(caught.value, RollbackFailed)
    assert "the static set site is not put back" in caught.value.what
    check_the_next_one(app, site)


def test_a_runner_that_died_between_two_files_is_resumed_without_putting_those_again_that_no_set_disputes() -> None:
    app, site = served()
    fault = Fault("put", "app.css", 1, "killed before", app)
    under(fault, site)
    with cut_off(app):
        deploy(app, artifact=NEW)
    fault.over = True
    assert site.puts == ["assets/b.js"]
    resume(app)
    assert site.puts == ["assets/b.js", "assets/b.js", "app.css", "index.html"]
    assert site.serves(PAGES[NEW])


def test_a_runner_that_died_is_taken_over_by_a_rollback_that_puts_back_what_it_changed() -> None:
    app, site = served()
    under(Fault("put", "index.html", 1, "killed after", app), site)
    with cut_off(app):
        deploy(app, artifact=NEW)
    site.before = site.after = app.store.before = app.store.after = lambda *_: None
    assert rollback(app, to=OLD).state == "healthy"
    assert site.serves(PAGES[OLD])


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("error before", 8, f"{OLD} serves, but not its static sets: "),
        ("interrupted", 130, f"Interrupted: {OLD} serves, but not its static sets."),
    ],
)
def test_a_rollback_whose_sets_do_not_follow_says_so_and_the_same_again_brings_them(
    kind: str, code: int, words: str
) -> None:
    app, site = served()
    deploy(app, artifact=NEW)
    under(Fault("put", "index.html", 1, kind, app), site)
    with pytest.raises(TagshipError) as raised:
        rollback(app, to=OLD)
    assert raised.value.exit_code == code
    assert raised.value.what.startswith(words)
    assert (raised.value.state, app.hosts.serving) == (f"{OLD} is serving.", {"web-1": OLD})
    assert raised.value.remedy == f"Run it again: inv rollback --to {OLD} --env dev"
    assert app.ledger.deployments("dev")[-1].state == "partial"
    site.before = site.after = app.store.before = app.store.after = lambda *_: None
    assert rollback(app, to=OLD).state == "healthy"
    assert site.serves(PAGES[OLD])


@pytest.mark.parametrize(
    ("site", "asked"),
    [
        (FakeSite(tagged=True), "#docs"),
        (FakeSite(), "/*"),
        (FakeSite(tagged=True, unasked="Access denied."), "/*"),
    ],
    ids=["known", "not known", "nobody may ask"],
)
def test_tags_are_invalidated_where_the_distribution_knows_them_and_everything_elsewhere(
    site: FakeSite, asked: str
) -> None:
    rules = {"headers": [{"match": "docs/*", "cache_control": "no-cache", "tags": ["docs"]}]}
    app = FakeApp(settings=settings(static={"site": {**STATIC["site"], **rules}}))
    app.given["site dev site"] = site
    for version in (OLD, NEW):
        app.publish(version)
        publish_set(app, version, {f"docs/{number}.html": version.encode() for number in range(20)})
        deploy(app, artifact=version)
    assert [paths for paths, _ in site.invalidations] == [("/*",), (asked,)]
    assert ("all of it is invalidated, for Access denied." in app.screen.text) == bool(site.unasked)


# -- drift -------------------------------------------------------------------------------------------------------------


def lines(app: FakeApp) -> str:
    app.screen.lines.clear()
    status(app, env="dev")
    return "\n".join(app.screen.lines)


def test_status_says_nothing_of_a_set_that_is_as_recorded() -> None:
    app, _site = served()
    assert "static set" not in lines(app)


def test_status_names_a_set_whose_switch_did_not_end_and_the_way_on() -> None:
    app, site = served()
    under(Fault("put", "app.css", 1, "killed before", app), site)
    with cut_off(app):
        deploy(app, artifact=NEW)
    site.before = site.after = app.store.before = app.store.after = lambda *_: None
    assert f"static set site: files of {OLD} and {NEW}: an update was cut off" in lines(app)
    [current] = status(app, env="dev")
    assert current.as_data()["static"] == {"site": f"files of {OLD} and {NEW}: an update was cut off"}


def test_a_set_of_another_version_drifted_and_the_same_version_again_mends_it() -> None:
    app, site = served()
    stored = app.store.objects[RECORD]
    app.store.replace(RECORD, stored.body.replace(OLD.encode(), NEW.encode()), stored.etag)
    assert f"static set site: files of {NEW}: the ledger says {OLD}" in lines(app)
    assert f"to serve the files of {OLD}: inv deploy --version {OLD} --env dev" in lines(app)
    site.objects.clear()
    assert deploy(app, artifact=OLD).state == "healthy"
    assert site.objects["index.html"][0] == b"old"
    assert "static set" not in lines(app)


def test_interrupting_is_told_as_that() -> None:
    app, site = served()
    under(Fault("put", "index.html", 1, "interrupted", app), site)
    with pytest.raises(Interrupted):
        deploy(app, artifact=NEW)
    assert site.serves(PAGES[OLD])
