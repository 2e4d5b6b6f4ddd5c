"""What deployments leave: every shelf lists it with its artifact, knows what is in use, and deletes no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from tagship.adapters.targets.asg.leftovers import TemplateShelf
from tagship.domain import layout
from tagship.domain.manifest import Manifest
from tagship.errors import ServiceFailed
from tagship.ports.leftovers import Shelf
from tests.contract.functions import Functions
from tests.contract.functions import switch as switch_functions
from tests.contract.groups import Groups
from tests.contract.image_functions import ImageFunctions, in_folder
from tests.contract.services import Services
from tests.contract.shelves import STANDS, VERSIONS, Repository, Stand

OLD, MIDDLE, SERVES = VERSIONS


@pytest.fixture(params=STANDS, scope="module")
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = STANDS[request.param](tmp_path_factory.mktemp("shelf"))
    yield made
    made.end()


def test_a_shelf_keeps_its_promises(stand: Stand) -> None:
    shelf = stand.shelf
    listed = shelf.look()
    for version in VERSIONS:
        assert len(stand.of(version)) == 1, "each is listed with the artifact that it is of"
    assert [leftover for leftover in listed if not leftover.artifacts], "and what somebody else made with none"
    assert all(leftover.made for leftover in listed)
    assert len({leftover.id for leftover in listed}) == len(listed)

    used = shelf.used(listed)
    [serves], [old], [middle] = stand.of(SERVES), stand.of(OLD), stand.of(MIDDLE)
    assert serves.id in used
    assert old.id not in used
    assert middle.id not in used

    assert shelf.delete([old]) == {}
    assert {leftover.id for leftover in shelf.look()} == {leftover.id for leftover in listed} - {old.id}
    assert shelf.delete([old]) == {}, "what is gone already is no failure"
    assert stand.working()
    assert shelf.delete([]) == {}
    assert shelf.noun
    assert shelf.price >= 0


# -- what only one kind knows ------------------------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[Functions]:
    place = Functions.made(["api"])
    for version in VERSIONS:
        place.deploy(version)
    yield place
    place.remove()


def numbers(shelf: Shelf) -> dict[str, str]:
    return {leftover.artifacts[0]: leftover.id for leftover in shelf.look() if leftover.artifacts}


def uses(shelf: Shelf) -> dict[str, str]:
    return dict(shelf.used(shelf.look()))


def test_a_version_that_an_alias_sends_a_share_to_is_in_use(api: Functions) -> None:
    [shelf], [name] = api.connect().shelves(), api.names
    old = numbers(shelf)[OLD]
    weights = {"AdditionalVersionWeights": {old: 0.1}}
    api.client.update_alias(FunctionName=name, Name="live", RoutingConfig=weights)
    assert uses(shelf)[old] == "alias live sends 10% of its calls to it"
    api.client.update_alias(FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})


def test_a_version_says_which_code_it_runs_as_manifests_name_it(api: Functions) -> None:
    [shelf] = api.connect().shelves()
    codes = {leftover.artifacts[0]: leftover.code for leftover in shelf.look() if leftover.artifacts}
    assert codes == {version: f"sha256:{manifest(api, version).packages['api'].sha256}" for version in VERSIONS}


def test_a_version_of_an_image_says_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_folder(tmp_path, monkeypatch)
    place = ImageFunctions.of_images(["api"], tmp_path)
    place.deploy(OLD)
    [shelf], image = place.connect().shelves(), manifest(place, OLD).image
    assert image
    assert [leftover.code for leftover in shelf.look() if OLD in leftover.artifacts] == [image.digest]
    place.remove()


def manifest(place: Functions, version: str) -> Manifest:
    key = layout.artifact("hello", "dev", version, layout.MANIFEST)
    stored = place.app.store.get(key)
    assert stored
    return Manifest.from_json(stored.body, key)


def test_a_version_with_provisioned_concurrency_of_its_own_is_in_use(api: Functions) -> None:
    [shelf], [name] = api.connect().shelves(), api.names
    old = numbers(shelf)[OLD]
    api.client.put_provisioned_concurrency_config(FunctionName=name, Qualifier=old, ProvisionedConcurrentExecutions=1)
    assert uses(shelf)[old] == "it has provisioned concurrency"


def test_a_version_with_an_execution_that_has_not_ended_is_in_use(api: Functions) -> None:
    [shelf], [name] = api.connect().shelves(), api.names
    old, middle = numbers(shelf)[OLD], numbers(shelf)[MIDDLE]
    switch_functions(executions=[[name, old, "order-4711"]])
    try:
        assert uses(shelf)[old] == "an execution of it has not ended"
        assert middle not in uses(shelf)
    finally:
        switch_functions(executions=[])


def test_lambda_itself_refuses_a_version_that_an_alias_names_and_that_is_said(api: Functions) -> None:
    [shelf] = api.connect().shelves()
    serves = [leftover for leftover in shelf.look() if SERVES in leftover.artifacts]
    assert "alias" in shelf.delete(serves)[serves[0].id]
    assert api.serving() == [SERVES]


def test_a_number_that_is_none_is_never_sent_for_lambda_would_delete_the_function(api: Functions) -> None:
    [shelf] = api.connect().shelves()
    with pytest.raises(ValueError, match="deletes the function"):
        shelf.delete([replace(shelf.look()[0], id="")])
    assert api.serving() == [SERVES]


def test_a_revision_that_a_killed_run_deregistered_is_listed_and_deleted() -> None:
    place = Services.made(["web"])
    try:
        for version in VERSIONS:
            place.deploy(version)
        [shelf] = place.connect().shelves()
        [old] = [leftover for leftover in shelf.look() if OLD in leftover.artifacts]
        place.client.deregister_task_definition(taskDefinition=old.id)
        assert old.id in {leftover.id for leftover in shelf.look()}
        assert shelf.delete([old]) == {}
        assert old.id not in {leftover.id for leftover in shelf.look()}
    finally:
        place.remove()


def test_the_default_version_of_a_template_and_those_that_other_groups_launch_are_in_use() -> None:
    place = Groups.made(["web"])
    try:
        for version in VERSIONS:
            place.deploy(version)
        [shelf] = place.connect().shelves()
        old, middle = numbers(shelf)[OLD], numbers(shelf)[MIDDLE]
        assert isinstance(shelf, TemplateShelf)
        place.ec2.modify_launch_template(LaunchTemplateId=shelf.template, DefaultVersion=old)
        named = {"LaunchTemplateId": shelf.template, "Version": middle}
        theirs = f"theirs-{shelf.template}"
        place.client.create_auto_scaling_group(
            AutoScalingGroupName=theirs, MinSize=0, MaxSize=0, AvailabilityZones=["us-east-1a"], LaunchTemplate=named
        )
        assert uses(shelf)[old] == "it is the default version"
        assert uses(shelf)[middle] == f"group {theirs} launches it"
        place.client.delete_auto_scaling_group(AutoScalingGroupName=theirs, ForceDelete=True)
        [default] = [leftover for leftover in shelf.look() if leftover.id == old]
        assert "default" in shelf.delete([default])[old], "EC2 refuses that one alone"
    finally:
        place.remove()


def test_an_index_goes_before_what_it_refers_to_and_a_tag_that_moves_spares_both() -> None:
    place = Repository.made()
    arm, amd = place.put("arm", "temporary-arm"), place.put("amd", "temporary-amd")
    index = place.index(OLD, arm, amd)
    shelf = place.shelf
    rows = {leftover.id: leftover for leftover in shelf.look()}
    assert set(rows[arm].parts_of) == {index}
    assert rows[index].artifacts == (OLD,)
    assert shelf.delete([rows[arm]]) == {arm: "Requested image referenced by manifest list"}
    assert shelf.delete([rows[index], rows[arm], rows[amd]]) == {}
    assert place.digests() == set()


def test_a_tag_that_came_to_an_image_after_the_first_look_spares_it() -> None:
    place = Repository.made()
    digest = place.put("old", OLD)
    shelf = place.shelf
    listed = shelf.look()
    assert shelf.used(listed) == {}
    place.put("old", "stable")
    assert shelf.used(listed) == {digest: "the tag stable names it"}


def test_an_index_that_cannot_be_opened_is_no_reason_to_take_its_images_for_nobodys() -> None:
    place = Repository.made()
    place.index(OLD, place.put("arm", "temporary"))
    api = place.shelf.images.api
    api.meta.events.register("before-call.ecr.BatchGetImage", archived, unique_id="archived")
    try:
        with pytest.raises(ServiceFailed, match="did not give the index sha256:"):
            place.shelf.look()
    finally:
        api.meta.events.unregister("before-call.ecr.BatchGetImage", unique_id="archived")


def archived(params: Any, **_: Any) -> Any:
    """ECR's answer for images that are archived: none of them, and why."""
    asked = json.loads(params["body"])["imageIds"]
    failures = [{"imageId": id_, "failureCode": "ImageInaccessible", "failureReason": "archived"} for id_ in asked]
    return AWSResponse("", 200, HTTPHeaders(), None), {"images": [], "failures": failures, "ResponseMetadata": {}}
