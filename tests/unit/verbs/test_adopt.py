"""adopt: what is shown before hosts are taken over, what is asked, and how a host that did not do it is named."""

from __future__ import annotations

import tomllib

import pytest

from tagship.errors import Held, Interrupted, Refused, ServiceFailed, UsageError
from tagship.verbs.adopt import adopt
from tests.fakes.app import FakeApp
from tests.fakes.prompt import FakePrompt
from tests.fakes.target import FakeTarget, machine

BEFORE = {"files": [".env", "app.py", "data"], "units": ["hello.service"], "users": ["deploy"]}


@pytest.fixture
def app() -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1"), machine("web-2")]))
    app.hosts.facts = {"web-1": BEFORE, "web-2": {"ours": "yes"}}
    return app


def test_only_hosts_that_ran_it_before_are_adopted_after_all_of_it_was_shown(app: FakeApp) -> None:
    app.prompt = FakePrompt(True)
    result = adopt(app, env="dev")
    assert app.hosts.adoptions == [("adopt", ["web-1"])]
    assert (list(result.units), result.done) == (["web-1"], True)
    assert app.prompt.asked == ["Adopt web-1?"]
    assert app.screen.lines[:6] == [
        "web-1: the folder has .env, app.py, data; the unit hello.service",
        "  hello.service is stopped, no longer starts at boot, and is kept",
        "  /opt/hello becomes /opt/hello.before-tagship, with all that is in it",
        "  .env becomes /opt/hello/.env.local: every release gets its variables",
        '  it ran as deploy: user = "deploy" in tagship.toml, if its data is to stay that account\'s',
        "Nothing serves from then on, until the first deployment is healthy.",
    ]
    assert app.screen.lines[-2:] == [
        "Ship a version: inv deploy-dev",
        "Back to what ran before, at any time: inv adopt --env dev --undo",
    ]


def test_what_is_proposed_for_the_settings_can_be_pasted_there(app: FakeApp) -> None:
    line = '{ host = "/srv/a", container = "/data", owner = "1000:1000" }'
    app.hosts.facts["web-1"] = BEFORE | {"proposed": [line], "unmapped": ["/etc/a.json (a file, seen at /a.json)"]}
    adopt(app, env="dev", dry_run=True)
    said = app.screen.lines
    start = said.index("    volumes = [")
    assert said[start - 1] == "  its folders, for tagship.toml (leave out those that are code):"
    assert tomllib.loads("\n".join(said[start : start + 3])) == {
        "volumes": [{"host": "/srv/a", "container": "/data", "owner": "1000:1000"}]
    }
    assert (
        said[start + 3]
        == "  /etc/a.json (a file, seen at /a.json) can't be a volume: put what the app needs of it elsewhere"
    )


def test_a_dry_run_and_a_no_adopt_nothing(app: FakeApp) -> None:
    assert not adopt(app, env="dev", dry_run=True).done
    app.prompt = FakePrompt(False)
    with pytest.raises(Interrupted):
        adopt(app, env="dev")
    assert app.hosts.adoptions == []


def test_without_a_terminal_it_wants_yes(app: FakeApp) -> None:
    with pytest.raises(UsageError) as caught:
        adopt(app, env="dev")
    assert caught.value.remedy == "Say it: inv adopt --env dev --yes"
    adopt(app, env="dev", yes=True)
    assert app.hosts.adoptions == [("adopt", ["web-1"])]


def test_where_nothing_ran_before_nothing_is_done(app: FakeApp) -> None:
    app.hosts.facts["web-1"] = {}
    assert adopt(app, env="dev").units == []
    assert app.screen.lines == ["Nothing ran before tagship on web-1, web-2."]


def test_a_port_that_is_taken_is_no_reason_to_adopt_and_a_run_that_was_cut_off_is(app: FakeApp) -> None:
    app.hosts.facts["web-1"] = {"port": ["nginx"]}
    assert adopt(app, env="dev", yes=True).units == []
    app.hosts.facts["web-1"] = {"adopted": "half"}
    assert list(adopt(app, env="dev", yes=True).units) == ["web-1"]


def test_it_can_be_undone_where_it_was_done(app: FakeApp) -> None:
    app.hosts.facts = {"web-1": {"ours": "yes", "adopted": "yes"}, "web-2": {"ours": "yes"}}
    adopt(app, env="dev", undo=True, yes=True)
    assert app.hosts.adoptions == [("undo", ["web-1"])]
    assert app.screen.lines[0] == "web-1: what tagship deployed is stopped and kept; what ran before starts again"


def test_a_host_that_cannot_be_reached_or_does_not_answer_stops_all_of_it(app: FakeApp) -> None:
    app.hosts.facts["web-2"] = "it is gone"
    with pytest.raises(ServiceFailed, match=r"Could not look at web-2 \(it is gone\)"):
        adopt(app, env="dev", yes=True)
    app.hosts.machines[1] = machine("web-2", online=False)
    with pytest.raises(Refused, match="Not every host can be reached: web-2"):
        adopt(app, env="dev", yes=True)
    assert app.hosts.adoptions == []


def test_a_host_that_did_not_do_it_is_named_with_the_command_that_goes_on(app: FakeApp) -> None:
    app.hosts.refusing["web-1"] = "hello.service cannot be stopped"
    with pytest.raises(ServiceFailed, match=r"on 1 of 1 host: web-1 \(hello.service cannot be stopped\)") as caught:
        adopt(app, env="dev", yes=True)
    assert caught.value.remedy == "Fix that, then again: inv adopt --env dev"


def test_nobody_adopts_while_a_deployment_runs(app: FakeApp) -> None:
    def deploying(_: object) -> None:
        with pytest.raises(Held):
            adopt(app, env="dev", yes=True)

    from tagship.verbs.deploy import deploy

    app.publish("0.1.1-dev")
    app.hosts.during = deploying
    deploy(app, artifact="0.1.1-dev", env="dev")
    assert app.hosts.adoptions == []
