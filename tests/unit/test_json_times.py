"""Each time in what `--json` prints is ISO 8601 with its zone; in a sentence for people, it is followed by UTC."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from tagship.adapters.terminal import TerminalScreen
from tagship.domain.logs import LogLine
from tagship.tasks import ns
from tagship.tasks._verb import _data
from tagship.verbs import tested
from tagship.verbs.cleanup import cleanup
from tagship.verbs.deploy import deploy
from tagship.verbs.deploy_dev import deploy_dev
from tagship.verbs.freeze import freeze
from tagship.verbs.heal import heal
from tagship.verbs.history import history
from tagship.verbs.infra_lock import infra_lock
from tagship.verbs.infra_unlock import infra_unlock
from tagship.verbs.lock import lock
from tagship.verbs.logs import logs
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.mark_good import mark_good
from tagship.verbs.metrics import metrics
from tagship.verbs.notify import notify
from tagship.verbs.promote import promote
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.tag import tag
from tagship.verbs.thaw import thaw
from tagship.verbs.unlock import unlock
from tagship.verbs.verify import verify
from tagship.verbs.versions import versions
from tagship.verbs.watch import watch
from tagship.verbs.why_not import why_not
from tests.fakes.app import FakeApp
from tests.unit.channel import Release
from tests.unit.test_tasks import module_of
from tests.unit.verbs.test_infra_lock import ID, held
from tests.unit.verbs.test_promote import promotable

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?P<zone>Z|[+-]\d\d:\d\d| UTC)?")
SOUNDS_LIKE_A_TIME = re.compile(r"(^|_)(at|when|since|until|time|date|started|ended|created|updated)$")


def busy() -> FakeApp:
    """OLD was rolled back to from NEW, NEW is marked, dev is frozen, and somebody's heartbeat has stopped."""
    app = FakeApp()
    app.publish(OLD, NEW)
    for version in (OLD, NEW):
        deploy(app, artifact=version)
    rollback(app, to=OLD)
    mark_bad(app, version=NEW, reason="it leaks")
    freeze(app, env="dev", until="8h", reason="the sale")
    app.leases.take("dev", holder="eve@desk", run_url="", deployment_id="d-1", ttl=120)
    app.clock.advance(600)
    return app


def deployable() -> FakeApp:
    app = busy()
    app.leases.break_("dev", "d-1")
    thaw(app, env="dev", yes=True)
    return app


def died() -> FakeApp:
    """A deployment of NEW whose runner died when hosts had been asked."""
    app = deployable()
    mark_good(app, version=NEW, reason="it was the network")
    app.hosts.during = lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(BaseException, match="Interrupted"):
        deploy(app, artifact=NEW)
    app.hosts.during = lambda _: None
    return app


def lagging() -> FakeApp:
    app = deployable()
    app.hosts.machines[0].serving = NEW
    return app


def written() -> FakeApp:
    """An app that has written a line."""
    app = FakeApp()
    app.hosts.written = [[LogLine(app.clock.now(), "web-1", "GET /")]]
    return app


STORIES: dict[str, Callable[[], Any]] = {
    "deploy": lambda: deploy(deployable(), artifact=NEW, allow_bad=True),
    "rollback": lambda: rollback(busy(), to=NEW, allow_bad=True),
    "heal": lambda: heal(lagging(), env="dev"),
    "resume": lambda: resume(died(), env="dev"),
    "status": lambda: [*status(busy()), *status(died())],
    "watch": lambda: watch(busy(), rounds=1),
    "history": lambda: history(busy()),
    "logs": lambda: logs(written()),
    "lock": lambda: lock(busy()),
    "unlock": lambda: unlock(busy(), id="d-1", dry_run=True),
    "freeze": lambda: freeze(busy(), env="dev", until="9h", reason="the sale"),
    "thaw": lambda: thaw(busy(), env="dev", yes=True),
    "mark-bad": lambda: mark_bad(busy(), version=OLD, reason="it leaks"),
    "mark-good": lambda: mark_good(busy(), version=NEW, reason="it was the network"),
    "metrics": lambda: metrics(deployable()),
    "cleanup": lambda: cleanup(deployable(), dry_run=True),
    "why-not": lambda: why_not(busy(), env="dev", version=NEW),
    "tested": lambda: tested.tested(deployable(), env="dev"),
    "promote": lambda: promote(promotable(Path("/nowhere")), to="preprod", dry_run=True),
    "verify": lambda: verify(busy(), artifact=OLD),
    "versions": lambda: versions(Release().app, env="dev"),
    "notify": lambda: notify(busy(), artifact=NEW),
    "tag": lambda: tag(Release().app, env="dev", yes=True),
    "deploy-dev": lambda: deploy_dev(Release().app, dry_run=True),
    "infra.lock": lambda: infra_lock(held()),
    "infra.unlock": lambda: infra_unlock(held(), id=ID, run_ended=True, dry_run=True),
}
TIMELESS = {
    *(
        "tag-undo",
        "bundle",
        "validate",
        "setup",
        "user-data",
        "infra.apply",
        "infra.plan",
        "pin",
        "resign",
        "eject",
        "init",
    ),
    "doctor",
    "preview.close",
    "preview.sweep",
    "drill",
    "shell",
    "report",
    "adopt",
    "continue",
}
OTHERS = {
    "build": "the image, whose build_time tests/unit/verbs/test_build.py reads as a time with its zone",
    "sbom": "CycloneDX's, whose timestamp tests/unit/release/test_sbom.py reads as a time with its zone",
    "publish": "the manifest, whose build_time tests/unit/verbs/test_publish.py reads as a time with its zone",
    "sandbox": "the sandbox's own state: ports and process ids",
}
JSON = {name for name in ns.task_names if any(flag.name == "json" for flag in getattr(ns[name], "flags", ()))}


def printed(result: Any, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    TerminalScreen(as_json=True).data(_data(result))
    return capsys.readouterr().out


def times(value: Any) -> Iterator[tuple[str, bool]]:
    """Every time in a document; and whether it is a value by itself, which has to be ISO 8601."""
    if isinstance(value, dict):
        for each in value.values():
            yield from times(each)
    elif isinstance(value, list):
        for each in value:
            yield from times(each)
    elif isinstance(value, str):
        for found in TIME.finditer(value):
            yield found[0], found[0] == value


def test_every_verb_that_prints_json_is_looked_at() -> None:
    assert STORIES.keys() | TIMELESS | OTHERS.keys() == JSON
    assert not STORIES.keys() & TIMELESS


@pytest.mark.parametrize("verb", STORIES)
def test_no_time_is_without_its_zone(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    for text, alone in times(json.loads(printed(STORIES[verb](), capsys))):
        assert TIME.fullmatch(text)["zone"], text  # type: ignore[index]
        if alone:
            assert datetime.fromisoformat(text).tzinfo, f"{text} is for people"


@pytest.mark.parametrize("verb", ["status", "history", "cleanup", "lock", "mark-bad", "freeze", "versions", "notify"])
def test_the_times_that_are_looked_for_are_there(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert any(alone for _, alone in times(json.loads(printed(STORIES[verb](), capsys))))


@pytest.mark.parametrize("verb", sorted(TIMELESS))
def test_the_other_verbs_answer_without_a_time(verb: str) -> None:
    name = module_of(verb)
    function = getattr(import_module(f"tagship.verbs.{name}"), name)
    assert not [field for field in fields_of(get_type_hints(function)["return"]) if SOUNDS_LIKE_A_TIME.search(field)]


def fields_of(kind: Any) -> Iterator[str]:
    """The names of a dataclass's fields, and of those that it holds."""
    for part in get_args(kind):
        yield from fields_of(part)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        for each in fields(kind):
            yield each.name
            yield from fields_of(hints[each.name])
