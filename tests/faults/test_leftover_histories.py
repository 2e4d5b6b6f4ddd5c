"""cleanup of what deployments left, for every kind of target: nothing goes that something needs, whatever happened.

Two environments with promotions between them, and a preview. Each deployment leaves what its kind leaves: a version, a
task definition, a version of a launch template, an image with its platform's. Deployments, rollbacks, promotions,
freezes, previews, aliases that somebody points by hand, cleanups and crashes come in any order.

How many, and what is shared with other histories: tests/faults/histories.py. A quarter of them is of each kind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tagship.domain import layout
from tagship.domain.change import Change
from tagship.domain.deployment import serving
from tagship.domain.leftovers import Leftover
from tagship.domain.manifest import ImageRef, Manifest
from tagship.domain.standing import ways_back
from tagship.domain.units import Operation, Unit
from tagship.errors import TagshipError
from tagship.verbs import tested as verb
from tagship.verbs.cleanup import cleanup
from tagship.verbs.deploy import deploy
from tagship.verbs.preview_close import preview_close
from tagship.verbs.promote import promote
from tagship.verbs.rollback import rollback
from tagship.verbs.thaw import thaw
from tests.fakes.app import VALUES, FakeApp
from tests.fakes.app import settings as settings_of_a_test
from tests.fakes.forge import FakeForge
from tests.fakes.foundation import FakeFoundation
from tests.fakes.images import FakeImages
from tests.fakes.leftovers import FakeShelf
from tests.fakes.repository import FakeRepository
from tests.fakes.target import FakeTarget, machine
from tests.faults.histories import DAY, CleanedUp, Killed, told
from tests.unit.verbs.test_previews import Tool
from tests.unit.verbs.test_promote import give_configuration

VERSIONS = [f"0.1.{number}-dev" for number in range(10)]
PREVIEW, BUILD = "pr-7", "622d2103-20250820-124500"
REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
NOUNS = {
    "ec2": "",
    "lambda": "version of function hello",
    "ecs": "task definition hello",
    "asg": "version of template lt",
}


@dataclass
class Kind(FakeTarget):
    """Units that leave something behind at each deployment; `alias` names one of those by hand."""

    kind: str = "lambda"
    alias: str = ""
    made: int = 0
    now: object = None
    shelf: FakeShelf = field(default_factory=FakeShelf)

    def start(self, change: Change, units: list[Unit]) -> list[Operation]:  # type: ignore[override]
        if NOUNS[self.kind]:
            self._leave(change.artifact_id)
        return list(super().start(change, units))

    def _leave(self, artifact: str) -> None:
        """Lambda and ECS go back to what is there; a group's template has a version for each deployment.

        A function keeps the version of an older artifact of the same code.
        """
        code = code_of(artifact) if self.kind == "lambda" else ""
        there = [row for row in self.shelf.rows.values() if artifact in row.artifacts or (code and row.code == code)]
        if there and self.kind != "asg":
            return
        self.made += 1
        row = Leftover(str(self.made), f"{artifact} #{self.made}", (artifact,), self.now(), code=code)  # type: ignore[operator]
        self.shelf.put(row)

    def shelves(self) -> list[FakeShelf]:
        if not NOUNS[self.kind]:
            return []
        self.shelf.noun, self.shelf.uses = NOUNS[self.kind], self.uses()
        self.shelf.asking = lambda: setattr(self.shelf, "uses", self.uses())
        return [self.shelf]

    def uses(self) -> dict[str, str]:
        runs = {row.serving for row in self.machines} - {""}
        codes = {code_of(artifact) for artifact in runs}
        rows = self.shelf.rows.values()
        used = {row.id: "a unit runs it" for row in rows if set(row.artifacts) & runs or row.code in codes}
        return used | ({self.alias: "alias blue names it"} if self.alias in self.shelf.rows else {})


def code_of(artifact: str) -> str:
    """The code of an artifact's function: two versions, one after the other, have the same."""
    return f"code of {VERSIONS.index(artifact) // 2}" if artifact in VERSIONS else f"code of {artifact}"


class Leftovers(CleanedUp):
    """dev, prod and a preview, of one kind of target."""

    kind: str

    @initialize()
    def begin(self) -> None:
        self.published: list[str] = []
        self.folder = tempfile.TemporaryDirectory()  # where a promotion packs its bundle anew
        self.app = an_app(Path(self.folder.name))
        self.each = {name: Kind([machine(f"{name}-1")], kind=self.kind) for name in ("dev", "prod", PREVIEW)}
        for target in self.each.values():
            target.now = self.app.clock.now
        self.app.each = self.each
        self.images: FakeShelf = self.app.given["registry"].shelf(REPOSITORY, [])
        self.ship()
        self.app.clock.advance(DAY)
        self.ship()

    # -- what may happen -----------------------------------------------------------------------------------------------

    @rule(fails=st.booleans())
    def ship(self, fails: bool = False) -> None:
        if len(self.published) == len(VERSIONS):
            return
        version = VERSIONS[len(self.published)]
        self.published.append(version)
        self.app.publish(version)
        self._give_image(version)
        self._push(version)
        self.each["dev"].faults = {version: "error"} if fails else {}
        with suppress(TagshipError):
            deploy(self.app, artifact=version, env="dev")

    def _give_image(self, version: str) -> None:
        """Have the manifest name the image; prod's configuration is in the bundle."""
        platforms = {"linux/amd64": f"platform {version}", "linux/arm64": code_of(version)}  # the function's
        image = ImageRef(REPOSITORY, version, f"index {version}", platforms)
        self.app.given["registry"].stored[REPOSITORY, version] = image
        key = layout.artifact("hello", "dev", version, layout.MANIFEST)
        stored = self.app.store.objects[key]
        self.app.store.objects[key] = replace(
            stored, body=replace(Manifest.from_json(stored.body, key), image=image).to_json()
        )
        give_configuration(self.app, version)

    def _push(self, version: str) -> None:
        """An index, its platform's image, and a signature that is about the index."""
        at, index = self.app.clock.now(), f"index {version}"
        self.images.put(Leftover(index, index, (version,), at))
        self.images.put(Leftover(f"platform {version}", "platform", (), at, parts_of=(index,)))
        self.images.put(Leftover(f"signature {version}", "signature", (), at, parts_of=(index,)))

    @rule(number=st.integers(0, 9), env=st.sampled_from(["dev", "prod"]))
    def back(self, number: int, env: str) -> None:
        version = self._published(number)
        with suppress(TagshipError):
            rollback(self.app, to=version, env=env, allow_bad=True)

    @rule()
    def dev_moves_on_and_prod_stays(self) -> None:
        """What prod runs is no longer one of dev's newest."""
        self.promote(len(self.published) - 1)
        for _ in range(3):
            self.app.clock.advance(8 * DAY)
            self.ship()

    @rule(number=st.integers(0, 9))
    def promote(self, number: int) -> None:
        version = self._published(number)
        with suppress(TagshipError):
            verb.tested(self.app, env="dev", artifact=version)
            promote(self.app, source="dev", to="prod", artifact=version, allow_older=True, yes=True)

    def _published(self, number: int) -> str:
        return self.published[number % len(self.published)]

    @rule(number=st.integers(0, 9), env=st.sampled_from(["dev", "prod"]))
    def runner_dies(self, number: int, env: str) -> None:
        version = self._published(number)

        def die(_change: object) -> None:
            raise Killed

        self.each[env].during = die
        with suppress(TagshipError, Killed):
            deploy(self.app, artifact=version, env=env, allow_bad=True, allow_older=True)
        self.each[env].during = lambda _: None
        self.app.clock.advance(3600)

    @rule(closes=st.booleans())
    def preview(self, closes: bool) -> None:
        forge: FakeForge = self.app.given["forge"]
        with suppress(TagshipError):
            if closes:
                forge.pulls = {7: "closed"}
                preview_close(self.app, pr="7")
                self.each[PREVIEW].machines = []
            else:
                forge.pulls = {7: "open"}
                self.each[PREVIEW].machines = self.each[PREVIEW].machines or [machine("pr-7-1")]
                if not self.app.store.head(layout.artifact("hello", PREVIEW, BUILD, layout.MANIFEST)):
                    self.app.remove(BUILD, PREVIEW)  # what a killed cleanup left: the same bytes may be stored again
                    self.app.publish(BUILD, environment=PREVIEW)
                    self._push(BUILD)
                deploy(self.app, artifact=BUILD, env=PREVIEW)

    @rule(number=st.integers(1, 8), env=st.sampled_from(["dev", "prod"]))
    def somebody_points_an_alias(self, number: int, env: str) -> None:
        if str(number) in self.each[env].shelf.rows:
            self.each[env].alias = str(number)

    @rule(at=st.integers(1, 6), keep=st.integers(0, 3), manifests=st.booleans())
    def cleanup_is_killed(self, at: int, keep: int, manifests: bool) -> None:
        steps: list[str] = []

        def die(*what: object) -> None:
            steps.append(str(what))
            if len(steps) == at:
                raise Killed

        shelves = [self.images, *(target.shelf for target in self.each.values())]
        for shelf in shelves:
            shelf.deleting = die if not manifests else lambda _: None
        self.app.store.before = lambda verb, key: die(verb, key) if manifests and verb == "delete_all" else None
        with suppress(Killed):
            self._clean(0, keep)
        for shelf in shelves:
            shelf.deleting = lambda _: None
        self.app.store.before = lambda _verb, _key: None

    # -- what has to hold ----------------------------------------------------------------------------------------------

    def _clean(self, days: int, keep: int) -> None:
        frozen = self.app.freezes.look("dev")
        needed = {name: self._needed(name) for name in self.each}
        aliased = {name: target.alias for name, target in self.each.items() if target.alias in target.shelf.rows}
        before_stored = {name: self._stored(name) for name in self.each}
        before = {name: dict(target.shelf.rows) for name, target in self.each.items()}
        try:
            with suppress(TagshipError):
                cleanup(self.app, days=days, keep=keep)
        finally:
            for name, rows in before.items():
                gone = [row for id_, row in rows.items() if id_ not in self.each[name].shelf.rows]
                for row in gone:
                    assert not set(row.artifacts) & needed[name], (name, row)
                    assert not set(row.artifacts) & self._stored(), "its manifest goes first, everywhere"
                    assert not row.code or row.code not in map(code_of, self._stored()), "an artifact has kept it"
                    assert row.id != aliased.get(name)
                artifact = rows[aliased[name]].artifacts[0] if name in aliased else ""
                assert artifact not in before_stored[name] or artifact in self._stored(name), "an alias names it"
                assert not (gone and name == "dev" and frozen and frozen.active)

    def _needed(self, env: str) -> set[str]:
        """Spelled here once more: what runs, by ledger and unit; the way back; what has not ended."""
        history, marks = self.app.ledger.deployments(env), self.app.ledger.marks(env)
        last = [history[-1].artifact_id, history[-1].last.replaced] if history and not history[-1].ended else []
        runs = [unit.serving for unit in self.each[env].machines]
        if env == PREVIEW and not self.each[env].machines:
            return {*last} - {""}
        back = [version for version in ways_back(history, marks) if version in self._stored(env)][:1]
        return {serving(history), *last, *runs, *back} - {""}

    def _stored(self, env: str = "") -> set[str]:
        """The artifacts that have a manifest, of one environment or of any."""
        places = [key.split("/") for key in self.app.store.objects if key.endswith(f"/{layout.MANIFEST}")]
        return {place[2] for place in places if env in ("", place[1])}

    @invariant()
    def an_image_is_there_while_an_artifact_of_it_is(self) -> None:
        if not hasattr(self, "images"):
            return
        for version in self._stored():
            for part in ("index", "platform", "signature"):
                assert f"{part} {version}" in self.images.rows

    @invariant()
    def what_a_unit_runs_is_there(self) -> None:
        for target in getattr(self, "each", {}).values():
            if NOUNS[target.kind]:
                runs = {unit.serving for unit in target.machines} - {""}
                left = {artifact for row in target.shelf.rows.values() for artifact in row.artifacts}
                codes = {row.code for row in target.shelf.rows.values()}
                assert all(artifact in left or code_of(artifact) in codes for artifact in runs)

    def teardown(self) -> None:
        """After all of it, one cleanup is enough: another finds nothing to do."""
        if not hasattr(self, "images"):
            return
        self.app.clock.advance(60 * DAY)
        with suppress(TagshipError):
            thaw(self.app, env="dev", yes=True)
        self._clean(0, 0)
        once = self._everything()
        self._clean(0, 0)
        assert self._everything() == once
        self.folder.cleanup()

    def _everything(self) -> set[str]:
        shelves = [self.images, *(target.shelf for target in self.each.values())]
        return {*self._stored(), *(f"{shelf.noun} {id_}" for shelf in shelves for id_ in shelf.rows)}


class Places(FakeApp):
    """dev, prod and a preview, each with units of its own."""

    each: Mapping[str, FakeTarget]

    def target(self, environment: str) -> FakeTarget:
        self.hosts = self.each[environment]
        return super().target(environment)


def an_app(root: Path) -> Places:
    dev = VALUES["environments"]["dev"]
    host = {**dev["ec2"], "runtime": "docker", "command": []}
    named = {
        name: {
            **dev,
            "branch": name,
            "image": {"repository": REPOSITORY},
            "ec2": {**host, "tags": {"tagship:environment": name}},
        }
        for name in ("dev", "prod")
    }
    template = {"image": {"repository": REPOSITORY}, "ec2": {**host, "tags": {"tagship:environment": "pr-{n}"}}}
    chosen = settings_of_a_test(
        environments=named,
        promotion={"order": ["dev", "prod"]},
        previews={"environment": template, "remove": ["cdk", "destroy"]},
    )
    chosen.environment(PREVIEW)
    given = {"repository": FakeRepository(), "registry": FakeImages(), "forge": FakeForge()}
    given |= {"infrastructure": Tool(), "foundation": FakeFoundation()}
    return Places(settings=chosen, root=root, given=given)


class OfHosts(Leftovers):
    kind = "ec2"


class OfFunctions(Leftovers):
    kind = "lambda"


class OfServices(Leftovers):
    kind = "ecs"


class OfGroups(Leftovers):
    kind = "asg"


TestHosts = told(OfHosts, 4, 40)
TestFunctions = told(OfFunctions, 4, 40)
TestServices = told(OfServices, 4, 40)
TestGroups = told(OfGroups, 4, 40)
