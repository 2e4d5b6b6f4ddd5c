"""The crash matrix: every step that an action writes, two faults. CI runs a tenth, WHOLE=1 all; the table ends a run.

The steps are not listed here: each story's action runs uncut first, and its journal is the rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tagship.domain.secrets import SSM, SecretRef
from tests.host.ground import until
from tests.host.host import Host, Shop
from tests.host.matrix import NEW, NEXT, OLD, STORIES, Cut, Fault, Journal, Story, chosen
from tests.host.test_deploy import running
from tests.host.test_stop_start import living
from tests.sandbox.bundles import Bundle
from tests.sandbox.machine import Answer

WHOLE = bool(os.environ.get("WHOLE"))
NAMES = {OLD: "old", NEW: "new", "": "none"}


@pytest.mark.parametrize("runtime", ["docker", "process"])
@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
def test_whatever_dies_after_whatever_step_one_healthy_version_serves(
    host: Host, shop: Shop, story: Story, runtime: str, record_property: Callable[[str, object], None]
) -> None:
    trial = Trial(host, story, runtime, bundles(shop, story, runtime))
    steps = trial.uncut()
    record_property("journal", tuple(Journal(runtime, story.name, steps)))
    cuts = [trial.cut(steps, step, fault) for step, fault in chosen(story, runtime, steps, WHOLE)]
    for cut in cuts:
        record_property("cut", tuple(cut))
    assert [cut for cut in cuts if not cut.said.startswith("ok")] == []


def bundles(shop: Shop, story: Story, runtime: str) -> dict[str, Bundle]:
    """The version before, the one that the story is about, and a good one after it. Each has a secret."""
    make = shop.process if runtime == "process" else shop.docker
    more = {"secrets": {"KEY": SecretRef(SSM, "/hello/key", "1")}, "zero_downtime": story.zero_downtime}
    return {version: make(version, story.hello if version == NEW else {}, **more) for version in (OLD, NEW, NEXT)}  # type: ignore[arg-type]


@dataclass
class Trial:
    """A story, told as often as it takes on one host."""

    host: Host
    story: Story
    runtime: str
    bundles: dict[str, Bundle]

    def begin(self) -> Bundle:
        """The host as it is when the story begins; returns what its action is about."""
        self.host.reset()
        parameters = [{"Name": "/hello/key", "Version": 1, "Value": "the secret's value"}]
        (self.host.aws / "parameters.json").write_text(json.dumps({"Parameters": parameters}))
        for bundle in self.bundles.values():
            self.host.publish(bundle)
        before = {"": [], OLD: [OLD]}[self.story.committed]
        if self.story.action == "rollback":
            well(self.host.deploy(self.bundles[NEW]))
            well(self.host.rollback(self.bundles[OLD]))
        else:
            for version in before:
                well(self.host.deploy(self.bundles[version]))
        if self.story.cut:
            self.killed(self.bundles[NEW], self.story.cut)
        return self.bundles[NEXT if self.story.cut else NEW]

    def killed(self, bundle: Bundle, step: str) -> None:
        """The story's action, whose program is killed right after it wrote that step."""
        script = self.host.script(self.host.order(self.story.action, bundle))
        done = self.host.machine.run(script, {"TAGSHIP_KILL_AFTER": step}, timeout=120)
        assert (done.out, self.host.journal()[-1]) == ("", step), done.out

    def uncut(self) -> list[str]:
        """The steps that the story's action writes."""
        bundle = self.begin()
        known = len(self.host.journal()) if self.story.committed else 0
        answer = self.host.run(self.host.order(self.story.action, bundle))
        steps = self.host.journal()[known:]
        shown = {*self.story.shows, *({"pull"} if self.runtime == "docker" and "fetch" in self.story.shows else ())}
        assert shown - set(steps) == set(), (steps, answer.output)
        assert (steps[0], steps[-1]) == ("accept", "end"), (steps, answer.output)
        return self.story.part(steps)

    def cut(self, steps: list[str], step: str, fault: Fault) -> Cut:
        try:
            said = self.tell(steps, step, fault)
        except AssertionError as problem:
            said = f"FAILED: {str(problem)[:600]}"
        return Cut(self.runtime, self.story.name, step, fault, said)

    def tell(self, steps: list[str], step: str, fault: Fault) -> str:
        """Cut it off; then one version serves, status tells the truth, and the next action works."""
        bundle, may = self.begin(), self.story.may_serve(steps, step, fault)
        self.killed(bundle, step)
        if fault == "host":
            self.host.machine.kill()
            self.host.machine.boot()
            committed = self.committed()
            assert committed in may, f"{committed or 'nothing'} is committed"
            may = {committed}
        until(lambda: self.host.answers() in may, 20, f"{may} serves")
        serving, status = self.host.answers(), self.host.status()
        assert (status.serving, status.outcome in {"healthy", "empty", "failed"}) == (serving, True), status.output
        assert (status.outcome == "healthy") == bool(serving), status.output
        again = self.next_action(bundle, serving)
        return f"ok: {NAMES[serving]}, then {again.outcome}"

    def committed(self) -> str:
        """What a boot starts."""
        if self.host.machine.run("test -e /opt/hello/state.json").code:
            return ""
        return str(self.host.state()["serving"])

    def next_action(self, bundle: Bundle, serving: str) -> Answer:
        """The same one again; a deployment of a good version where this one never was."""
        if not self.story.turns and not self.story.cut:
            bundle = self.bundles[NEXT]
        again = self.host.run(self.host.order(self.story.action, bundle))
        assert again.outcome == ("unchanged" if serving == bundle.artifact else "healthy"), again.output
        assert (self.host.answers(), self.host.status().serving) == (bundle.artifact, bundle.artifact)
        assert len(living(self.host)) == 1, living(self.host)
        assert running(self.host) == ([bundle.artifact] if self.runtime == "docker" else [])
        return again


def well(answer: Answer) -> None:
    assert answer.outcome == "healthy", answer.output
