"""shell: what is missing is said before AWS is asked, and no secret is an argument."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tagship.errors import Refused, ServiceFailed, TagshipError, UsageError
from tagship.verbs.shell import shell
from tests.fakes.app import FakeApp, settings
from tests.fakes.prompt import FakePrompt
from tests.fakes.target import FakeTarget, machine


@dataclass
class Plugin:
    """A machine with the plugin, or without: `said` is its version."""

    said: str = "1.2.707.0"
    code: int = 0
    ran: list[tuple[list[str], dict[str, str]]] = field(default_factory=list)

    def version(self, tool: str) -> str:
        return self.said

    def attach(self, command: Sequence[str], variables: Mapping[str, str]) -> int:
        self.ran.append((list(command), dict(variables)))
        return self.code


def place(plugin: Plugin, *hosts: str, terminal: bool = True) -> FakeApp:
    app = FakeApp(
        hosts=FakeTarget([machine(name) for name in hosts or ("web-1",)]), prompt=FakePrompt(possible=terminal)
    )
    app.given["machine"] = plugin
    return app


def test_the_plugin_gets_the_session_and_its_token_in_a_variable() -> None:
    plugin = Plugin()
    entered = shell(place(plugin, "web-1", "web-2"), unit="web-2")
    [(words, variables)] = plugin.ran
    id_ = "i-00000000000000002"
    assert (entered.environment, entered.unit) == ("dev", "web-2")
    assert words == [
        "session-manager-plugin", "RESPONSE", "us-east-1", "StartSession", "", f'{{"Target": "{id_}"}}', "https://ssm.here",
    ]  # fmt: skip
    assert variables == {"RESPONSE": f"secret of {id_}"}
    assert not [word for word in words if "secret" in word]


@pytest.mark.parametrize(
    ("plugin", "hosts", "terminal", "problem", "kind"),
    [
        (Plugin(""), ("web-1",), True, "session-manager-plugin is not on this machine", Refused),
        (Plugin("1.2.463.0"), ("web-1",), True, "1.2.463.0 is too old: 1.2.497 or later is needed", Refused),
        (Plugin(), ("web-1", "web-2"), True, "There are several: web-1, web-2", UsageError),
        (Plugin(), ("web-1",), False, "A shell needs a terminal", UsageError),
        (Plugin(code=255), ("web-1",), True, "ended with exit code 255", ServiceFailed),
    ],
)
def test_what_is_missing_is_said(
    plugin: Plugin, hosts: Sequence[str], terminal: bool, problem: str, kind: type[TagshipError]
) -> None:
    with pytest.raises(kind, match=re.escape(problem)):
        shell(place(plugin, *hosts, terminal=terminal))
    assert len(plugin.ran) == (1 if plugin.code else 0)


def test_a_host_that_is_away_is_not_entered() -> None:
    app = place(Plugin())
    app.hosts.machines = [machine("web-1", online=False)]
    with pytest.raises(Refused, match="web-1 can't be entered: its SSM agent"):
        shell(app)


class Closed(FakeTarget):
    """A kind that nobody can enter."""

    enter = None  # type: ignore[assignment]


def test_what_has_no_shell_says_so() -> None:
    app = place(Plugin())
    app.hosts = Closed()
    with pytest.raises(Refused, match="A host has no shell to enter") as refused:
        shell(app)
    assert refused.value.remedy == "Read what it wrote: inv logs --env dev"


def sandboxed(folder: str) -> tuple[FakeApp, Plugin]:
    plugin = Plugin("")
    app = FakeApp(
        settings=settings(sandbox=True),
        hosts=FakeTarget([machine("web-1")], folder=folder),
        prompt=FakePrompt(possible=True),
    )
    app.given["machine"] = plugin
    return app, plugin


def test_a_sandboxs_host_is_a_folder_and_needs_no_plugin() -> None:
    app, plugin = sandboxed("/shop/.tagship/hosts/web-1")
    assert shell(app).unit == "web-1"
    [(words, variables)] = plugin.ran
    assert words[-2:] == ["/shop/.tagship/hosts/web-1", "web-1"]
    assert variables == {"HOME": "/shop/.tagship/hosts/web-1/root"}
    assert "This is your own machine" in app.screen.text


def test_what_has_no_folder_in_the_sandbox_is_refused_with_what_can_be_read() -> None:
    app, plugin = sandboxed("")
    with pytest.raises(Refused, match="The sandbox has no shell on a host") as refused:
        shell(app)
    assert refused.value.remedy == "Read what it wrote: inv logs --env dev"
    assert not plugin.ran
