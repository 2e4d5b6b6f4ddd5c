"""setup, its removal and doctor over two regions: what each has of its own, and a run that was cut off between them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tagship.account.doctor_checks import checks
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.account import Elsewhere
from tagship.verbs.setup import setup
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.foundation import FakeFoundation
from tests.fakes.repository import FakeRepository

ROOT = Path(__file__).parents[3]
HOME, FAR = "us-east-1", "eu-west-1"
IMAGE = f"123456789012.dkr.ecr.{HOME}.amazonaws.com/hello"
DEV: dict[str, Any] = {
    **environments(ec2={"runtime": "docker"}, image={"repository": IMAGE})["dev"],
    "regions": [HOME, FAR],
    "aws": {"bucket": "hello-dev-{region}"},
}
STACK = "tagship-hello-dev"
DOCUMENTS = ["document tagship-deploy", "document tagship-deploy-status"]


@dataclass
class Places(FakeApp):
    """The app in two regions of one environment."""

    parts: list[FakeApp] = field(default_factory=list)

    def at(self, environment: str) -> FakeApp:
        return self.parts[0]

    def regions(self, environment: str) -> list[FakeApp]:
        return self.parts

    @property
    def accounts(self) -> Sequence[FakeApp]:  # type: ignore[override]
        return self.parts[:1]


@pytest.fixture
def app(tmp_path: Path) -> Places:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    chosen = settings(
        environments={"dev": DEV},
        signing={"key": "kms:alias/hello-{environment}", "public_key": "keys/{environment}.pub.pem"},
        ci={"repository": "acme/hello"},
    )
    made = Places(settings=chosen, root=tmp_path)
    home = FakeApp(settings=chosen.within(chosen.accounts[0]), root=tmp_path, screen=made.screen)
    far = FakeApp(settings=chosen.in_region("dev", chosen.places("dev")[1]), root=tmp_path, screen=made.screen)
    for part in (home, far):
        part.given |= {"foundation": FakeFoundation(), "repository": FakeRepository()}
        made.parts.append(part)
    made.given["repository"] = FakeRepository()
    return made


def foundation(app: Places, number: int) -> FakeFoundation:
    there: FakeFoundation = app.parts[number].given["foundation"]
    return there


def test_each_region_that_follows_has_a_stack_and_the_documents(app: Places) -> None:
    result = setup(app)
    assert foundation(app, 1).done == [f"stack {STACK} protected", *DOCUMENTS]
    stack = foundation(app, 1).stacks[STACK]
    given = stack.parameters
    assert (given["Bucket"], given["MakeBucket"]) == ("hello-dev-eu-west-1", "yes")
    assert (given["ImageRepository"], given["MakeImages"]) == ("hello", "yes")
    assert (given["CiRole"], given["HostRole"]) == ("tagship-hello-dev-ci", "tagship-hello-dev-host")
    assert set(result.as_data()["outputs"]) >= {f"{STACK} (region {FAR})"}  # type: ignore[attr-defined]
    people = "arn:aws:iam::123456789012:policy/tagship-hello-dev-hello-dev-eu-west-1"
    assert f"people of dev, in {FAR} as well: attach {people}" in app.screen.lines


def test_its_template_names_its_own_repository_and_reads_the_first_ones(app: Places) -> None:
    setup(app)
    template = foundation(app, 1).stacks[STACK].template
    assert f"ecr:{FAR}:123456789012:repository/hello" in template
    assert f"ecr:{HOME}:123456789012:repository/hello" in template
    assert "  # taken from" not in template
    assert "_lease/${Lease}" not in template
    assert "_freeze" not in template
    assert "AWS::KMS" not in template
    assert "AWS::IAM::Role\n" not in template


def test_a_second_run_finds_nothing_to_do(app: Places) -> None:
    setup(app)
    for number in (0, 1):
        foundation(app, number).done.clear()
    setup(app)
    assert foundation(app, 0).done + foundation(app, 1).done == []


def test_a_dry_run_before_anything_is_there_shows_both_and_makes_none(app: Places) -> None:
    result = setup(app, dry_run=True)
    assert foundation(app, 0).done + foundation(app, 1).done == []
    words = {change.name: change.word for change in result.changes}  # type: ignore[union-attr]
    assert words[f"{STACK} (region {FAR})"] == "make"


def test_a_region_waits_for_the_roles_of_the_first(app: Places) -> None:
    foundation(app, 0).broken = STACK
    with pytest.raises(ServiceFailed) as raised:
        setup(app)
    assert raised.value.state == "0 of 2 accounts and regions are as they should be; see above."
    assert foundation(app, 1).done == []
    assert any(
        f"{FAR} has to wait: the roles of dev are made in its first region." in line for line in app.screen.warnings
    )
    foundation(app, 0).broken = ""
    setup(app)
    assert STACK in foundation(app, 1).stacks


def test_a_run_that_was_cut_off_in_the_second_region_goes_on_there(app: Places) -> None:
    foundation(app, 1).broken = STACK
    with pytest.raises(ServiceFailed):
        setup(app)
    foundation(app, 0).done.clear()
    foundation(app, 1).broken = ""
    setup(app)
    assert foundation(app, 0).done == []
    assert STACK in foundation(app, 1).stacks


def test_document_only_makes_documents_in_both(app: Places) -> None:
    setup(app, document_only=True)
    assert foundation(app, 0).done == foundation(app, 1).done == DOCUMENTS


def test_a_bucket_that_was_there_is_used_and_its_gaps_are_said(app: Places) -> None:
    far = foundation(app, 1)
    far.before, far.gaps = type(far.before)(bucket=True, repository=True), ["versioning is off"]
    setup(app)
    given = far.stacks[STACK].parameters
    assert (given["MakeBucket"], given["MakeImages"]) == ("no", "no")
    assert any("hello-dev-eu-west-1 existed before" in line for line in app.screen.warnings)


def test_removal_begins_where_policies_are_attached_to_the_firsts_roles(app: Places) -> None:
    setup(app)
    for number in (0, 1):
        foundation(app, number).done.clear()
    result = setup(app, remove=True, env="dev", yes=True)
    assert result.removed[0] == f"stack {STACK} (region {FAR})"  # type: ignore[union-attr]
    assert foundation(app, 1).done == [*(f"remove {name}" for name in DOCUMENTS), f"remove stack {STACK}"]
    assert foundation(app, 1).stacks == {}
    left = " ".join(result.left)  # type: ignore[union-attr]
    assert f"the bucket hello-dev-{FAR}, with every artifact, the ledger and its policy, in {FAR}" in left
    assert f"the image repository hello, in {FAR}" in left


def test_doctor_says_which_region_lacks_what(app: Places) -> None:
    asked = checks(app)
    findings = [finding for about in asked if about.startswith(f"dev in {FAR}") for finding in asked[about]()]
    assert {(finding.about, finding.state, finding.words) for finding in findings} == {
        (f"dev in {FAR}: bucket", "ok", f"s3://hello-dev-{FAR}"),
        (f"dev in {FAR}: stack {STACK}", "failing", "is not there"),
        *((f"dev in {FAR}: {name}", "failing", "is not there") for name in DOCUMENTS),
        (f"dev in {FAR}: images", "failing", f"ECR has no repository hello in {FAR}"),
    }
    setup(app)
    findings = [finding for about in asked if about.startswith(f"dev in {FAR}") for finding in asked[about]()]
    assert {finding.state for finding in findings} == {"ok"}


def test_doctor_names_a_region_that_the_settings_do_not_and_the_command_that_takes_it_away(app: Places) -> None:
    asked = checks(app)["regions"]
    [nothing] = asked()
    assert (nothing.state, nothing.words) == ("ok", "no stack in one that the settings don't name")
    there = [("ap-south-1", STACK), (FAR, STACK), ("eu-north-1", "tagship-hello-other")]
    foundation(app, 0).elsewhere = Elsewhere(there)
    [finding] = asked()
    assert finding.state == "warning"
    assert finding.words.startswith("what setup made for dev in ap-south-1 is there still")
    assert finding.fix == "inv setup --remove --env dev --region ap-south-1"
    foundation(app, 0).elsewhere = Elsewhere((), ["me-south-1"])
    [unknown] = asked()
    assert unknown.words == "not known of me-south-1, where stacks can't be listed"


def test_a_region_is_taken_away_alone_and_only_if_the_settings_do_not_name_it(app: Places) -> None:
    setup(app)
    with pytest.raises(UsageError, match=f"dev is in {HOME}, {FAR}: setup would make") as named:
        setup(app, remove=True, env="dev", region=FAR, yes=True)
    assert named.value.remedy == f"Take {FAR} out of environments.dev.regions, then again"
    with pytest.raises(UsageError, match="--region is for --remove alone"):
        setup(app, env="dev", region=FAR)
    app.settings = app.settings.model_copy(
        update={"environments": {"dev": app.settings.environments["dev"].model_copy(update={"regions": (HOME,)})}}
    )
    app.in_region = lambda environment, region: app.parts[1]  # type: ignore[method-assign]
    result = setup(app, remove=True, env="dev", region=FAR, yes=True)
    assert set(result.removed) == {f"{name} (region {FAR})" for name in (f"stack {STACK}", *DOCUMENTS)}  # type: ignore[union-attr]
    assert foundation(app, 1).stacks == {}
    assert STACK in foundation(app, 0).stacks
    left = " ".join(result.left)  # type: ignore[union-attr]
    assert f"the bucket hello-dev-{FAR}, with every artifact" in left
    assert f"What runs in {FAR} goes on, without tagship." in app.screen.lines


def test_a_region_that_was_the_only_one_takes_its_roles_with_it(app: Places) -> None:
    setup(app)
    app.settings = app.settings.model_copy(
        update={"environments": {"dev": app.settings.environments["dev"].model_copy(update={"regions": (FAR,)})}}
    )
    with pytest.raises(UsageError) as named:
        setup(app, remove=True, env="dev", region=FAR, yes=True)
    assert named.value.remedy == "To take away all that setup made for dev: inv setup --remove --env dev"
    app.in_region = lambda environment, region: app.parts[0]  # type: ignore[method-assign]
    setup(app, remove=True, env="dev", region=HOME, dry_run=True)
    lost = f"Whoever has the roles of that stack loses them; what runs in {HOME} goes on, without tagship."
    assert lost in app.screen.lines


def test_without_roles_nothing_of_a_region_alone_is_made(app: Places) -> None:
    """By doctor's fix, or by a person whose credentials reach the second region alone."""
    foundation(app, 0).stack = lambda name: None  # type: ignore[method-assign]
    foundation(app, 0).put_stack = _unreachable  # type: ignore[method-assign]
    with pytest.raises((ServiceFailed, Refused)):
        setup(app)
    assert foundation(app, 1).stacks == {}


def _unreachable(*_: Any, **__: Any) -> Any:
    raise ServiceFailed("AWS cannot be reached.", remedy="Try it again")
