"""Functions in which nothing has changed but the artifact's name: they keep their version, and their alias says so."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.functions import Functions, switch

FIRST, SECOND, THIRD, FOURTH = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev", "0.1.3-dev"


class Steady(Functions):
    """`one` has the same bytes in each artifact, and is not asked for its version; `two` changes."""

    def deploy_of(self, version: str, **changed: Any) -> Any:
        """Deploy an artifact whose package `one` has the bytes of the first one's."""
        self.publish(version, changed.pop("fault", ""))
        return self.carry_out(self.change(self.same(version, **changed)))

    def same(self, version: str) -> tuple[str, str]:
        from tagship.domain import layout
        from tagship.domain.manifest import Manifest, sha256

        if version == FIRST:
            return self.artifact(version)
        store = self.app.store
        key = layout.artifact("hello", "dev", version, layout.MANIFEST)
        first = layout.artifact("hello", "dev", FIRST, layout.MANIFEST)
        made, before = (Manifest.from_json(store.get(name).body, name) for name in (key, first))  # type: ignore[union-attr]
        manifest = replace(made, packages={**made.packages, "one": before.packages["one"]})
        store.replace(key, manifest.to_json(), store.head(key).etag)  # type: ignore[union-attr]
        return version, sha256(manifest.to_json())

    @property
    def one(self) -> str:
        return self.names[0]

    def numbers(self) -> list[str]:
        rows = self.client.list_versions_by_function(FunctionName=self.one)["Versions"]
        return [row["Version"] for row in rows if row["Version"] != "$LATEST"]

    def served(self) -> str:
        number: str = self.client.get_alias(FunctionName=self.one, Name="live")["FunctionVersion"]
        return number

    def observed(self) -> dict[str, tuple[str, str]]:
        target = self.connect()
        reports = target.observe(target.units(), lambda _: None)
        return {report.unit.partition("-")[0]: (report.outcome, report.serving) for report in reports}


@pytest.fixture
def place() -> Iterator[Steady]:
    made = Steady.made(["one", "two"])
    dev = made.app.settings.environment("dev")
    table = dev.target
    functions = dict(table.functions)  # type: ignore[attr-defined]
    one = functions[made.names[0]]
    functions[made.names[0]] = one.model_copy(update={"health": type(one.health)(expect={"statusCode": 200})})
    object.__setattr__(table, "functions", functions)
    place = Steady(made.app, made.names, fences=made.fences)
    assert {report.outcome for report in place.deploy_of(FIRST).values()} == {"healthy"}
    yield place  # type: ignore[misc]
    switch(update=0, throttled=0, lost=0, failed_updates=0)
    place.remove()


def test_it_gets_no_new_version_and_serves_the_new_artifact(place: Steady) -> None:
    before, served = place.numbers(), place.served()
    reports = place.deploy_of(SECOND)
    assert {name: (report.outcome, report.serving) for name, report in reports.items()} == {
        "one": ("healthy", SECOND),
        "two": ("healthy", SECOND),
    }
    assert (place.numbers(), place.served()) == (before, served)
    assert place.observed() == {"one": ("healthy", SECOND), "two": ("healthy", SECOND)}
    again = place.carry_out(place.change(place.artifact(SECOND)))
    assert {report.outcome for report in again.values()} == {"unchanged"}


def test_back_and_forth_along_kept_versions_makes_none(place: Steady) -> None:
    before = place.numbers()
    for version in (SECOND, THIRD):
        place.deploy_of(version)
    for version in (SECOND, FIRST, THIRD):
        reports = place.carry_out(place.change(place.artifact(version), "rollback"))
        assert {(report.outcome, report.serving) for report in reports.values()} == {("healthy", version)}
        assert {serving for _, serving in place.observed().values()} == {version}
    assert place.numbers() == before


def test_back_over_other_code_to_an_artifact_that_kept_a_version_makes_none(place: Steady) -> None:
    first = place.served()
    place.deploy_of(SECOND)
    for version in (THIRD, FOURTH):
        place.deploy(version)
    before = place.numbers()
    reports = place.carry_out(place.change(place.artifact(SECOND), "rollback"))
    assert {(report.outcome, report.serving) for report in reports.values()} == {("healthy", SECOND)}
    assert (place.numbers(), place.served()) == (before, first)
    assert place.observed() == {"one": ("healthy", SECOND), "two": ("healthy", SECOND)}


def test_a_version_of_the_same_code_with_other_variables_is_not_gone_back_to(place: Steady) -> None:
    dev = place.app.settings.environment("dev")
    object.__setattr__(dev, "variables", {"GREETING": "hi"})
    place.deploy_of(SECOND)
    own = place.served()
    for version in (THIRD, FOURTH):
        place.deploy(version)
    place.client.delete_function(FunctionName=place.one, Qualifier=own)  # what is left is FIRST's, without a greeting
    reports = place.carry_out(place.change(place.artifact(SECOND), "rollback"))
    assert {(report.outcome, report.serving) for report in reports.values()} == {("healthy", SECOND)}
    assert place.answer(place.one)["greeting"] == "hi"


def test_one_that_is_put_back_with_the_others_serves_what_it_served(place: Steady) -> None:
    reports = place.deploy_of(SECOND, fault={"two": "error"})
    assert {name: report.serving for name, report in reports.items()} == {"one": FIRST, "two": FIRST}
    assert not {"healthy", "rollback-failed"} & {report.outcome for report in reports.values()}
    assert place.observed() == {"one": ("healthy", FIRST), "two": ("healthy", FIRST)}


def test_other_code_other_variables_and_other_settings_are_other_versions(place: Steady) -> None:
    count = len(place.numbers())
    place.deploy(SECOND)
    assert len(place.numbers()) == count + 1, "other code"
    place.client.update_function_configuration(FunctionName=place.one, MemorySize=512)
    place.deploy(THIRD)
    assert len(place.numbers()) == count + 2
    number = place.served()
    assert place.client.get_function_configuration(FunctionName=place.one, Qualifier=number)["MemorySize"] == 512


def test_a_setting_that_infrastructure_changed_is_published_though_the_code_is_the_same(place: Steady) -> None:
    place.client.update_function_configuration(FunctionName=place.one, Timeout=20)
    before = place.served()
    place.deploy_of(SECOND)
    assert place.served() != before


def test_a_version_that_somebody_else_published_is_never_kept(place: Steady) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return {'statusCode': 200}\n")
    place.client.update_function_code(FunctionName=place.one, ZipFile=buffer.getvalue())
    number = place.client.publish_version(FunctionName=place.one)["Version"]
    place.client.update_alias(FunctionName=place.one, Name="live", FunctionVersion=number, Description="")
    place.deploy_of(SECOND)
    assert place.served() != number
