"""promote and tested: the same bytes from one environment to the next, what refuses them, and what is told."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.attestations import SigstoreAttestations
from tagship.domain import layout
from tagship.domain.attestation import place_of, sealed, subjects_of_manifest, to_sign
from tagship.domain.github_attestation import written
from tagship.domain.manifest import ImageRef, Manifest, sha256
from tagship.domain.provenance import Provenance
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import stored_manifest
from tagship.engine.run import Result
from tagship.engine.whereabouts import Whereabouts
from tagship.errors import Held, NotAuthentic, Refused, SettingsError, TagshipError, UsageError
from tagship.verbs import tested as verb
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.promote import promote
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.ci import FakeCi
from tests.fakes.hooks import FakeHookRunner
from tests.fakes.images import FakeImages
from tests.fakes.prompt import FakePrompt
from tests.fakes.repository import FakeRepository
from tests.fakes.sigstore import Sigstore, statement
from tests.fakes.site import FakeSite, publish_set
from tests.fakes.target import FakeTarget, machine
from tests.fakes.terraform import FakeTerraform

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
ORDER = ("dev", "preprod", "prod")
CONFS = {f"deploy/environments/{name}.conf": f"{number}" * 64 for number, name in enumerate(ORDER)}


class ThreeEnvironments(FakeApp):
    """dev, preprod and prod, each with a host of its own."""

    each: dict[str, FakeTarget]

    def target(self, environment: str) -> FakeTarget:
        self.hosts = self.each[environment]
        return super().target(environment)


def an_app(tmp_path: Path, **promotion: Any) -> ThreeEnvironments:
    """NEW is published for dev, and healthy there; OLD is healthy in preprod and prod."""
    dev = VALUES["environments"]["dev"]
    named = {
        name: {**dev, "branch": name, "ec2": {**dev["ec2"], "tags": {"tagship:environment": name}}} for name in ORDER
    }
    chosen = settings(environments=named, promotion={"order": list(ORDER), **promotion})
    app = ThreeEnvironments(settings=chosen, root=tmp_path)
    app.each = {name: FakeTarget([machine(f"{name}-1")]) for name in ORDER}
    app.given["repository"] = FakeRepository()
    app.publish(OLD, NEW)
    give_configuration(app, OLD, NEW)
    deploy(app, artifact=NEW, env="dev")
    return app


def give_configuration(app: FakeApp, *versions: str) -> None:
    """Have the stored manifests say that their bundles carry every environment's conf."""
    for version in versions:
        key = layout.artifact("hello", "dev", version, layout.MANIFEST)
        value = json.loads(app.store.objects.pop(key).body)
        value["files"] |= CONFS
        raw = (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
        sig = layout.artifact("hello", "dev", version, layout.SIGNATURE)
        metadata = app.store.objects.pop(sig).metadata
        app.store.create(sig, app.signer.sign(raw), metadata)
        app.store.create(key, raw, metadata)


def give_provenance(app: FakeApp, workflow: str) -> None:
    """Have NEW's manifest of dev name provenance by a workflow."""
    manifest = stored_manifest(app, "dev", ArtifactId(NEW))
    assert manifest
    provenance = Provenance(
        subjects_of_manifest(manifest), manifest.commit, place_of(manifest), workflow, "", manifest.build_time
    )
    raw = provenance.statement()
    envelope = sealed(raw, app.signer.sign(to_sign(raw)), app.keys("dev").id)
    app.store.create(layout.artifact("hello", "dev", NEW, layout.PROVENANCE), envelope)
    new = replace(manifest, provenance_sha256=sha256(envelope)).to_json()
    for name, body in ((layout.MANIFEST, new), (layout.SIGNATURE, app.signer.sign(new))):
        key = layout.artifact("hello", "dev", NEW, name)
        app.store.objects[key] = replace(app.store.objects[key], body=body)


def promotable(tmp_path: Path) -> ThreeEnvironments:
    """NEW passed its tests on dev."""
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    return app


def in_preprod(app: FakeApp, version: str = NEW) -> Result:
    verb.tested(app, env="dev")
    return promote(app, source="dev", to="preprod", artifact=version, yes=True)


def manifest_of(app: FakeApp, environment: str, version: str = NEW) -> Manifest:
    key = layout.artifact("hello", environment, version, layout.MANIFEST)
    return Manifest.from_json(app.store.objects[key].body, key)


def where_is(app: FakeApp, version: str) -> list[Whereabouts]:
    return [place for place in status(app, version=version) if isinstance(place, Whereabouts)]


def stored(app: FakeApp, environment: str, name: str) -> bytes:
    return app.store.objects[layout.artifact("hello", environment, NEW, name)].body


# -- tested ------------------------------------------------------------------------------------------------------------


def test_what_passed_is_recorded_once_with_who_where_and_the_digest_of_its_manifest(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    app.run_url = "https://ci.example/4711"
    first, second = verb.tested(app, env="dev"), verb.tested(app, env="dev")
    assert first == second
    [entry] = app.ledger.tests("dev")
    assert (entry.artifact_id, entry.who, entry.where) == (NEW, "ada@laptop", "https://ci.example/4711")
    assert first.run_url == "https://ci.example/4711"
    assert first.manifest_sha256 == entry.details["manifest_sha256"]
    assert [one.state for one in app.ledger.deployments("dev")] == ["healthy"]


def test_only_what_runs_and_is_healthy_was_tested(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    with pytest.raises(Refused, match=f"dev runs {NEW}, not {OLD}"):
        verb.tested(app, artifact=OLD, env="dev")
    with pytest.raises(Refused, match="Nothing is healthy on prod"):
        verb.tested(app, env="prod")


def test_a_dry_run_of_tested_records_nothing(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev", dry_run=True)
    assert not app.ledger.tests("dev")
    assert f"{NEW} would be recorded as tested on dev" in app.screen.lines


# -- promote -----------------------------------------------------------------------------------------------------------


def test_the_very_bytes_run_in_the_next_environment(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    result = in_preprod(app)
    assert result.state == "healthy"
    assert app.each["preprod"].serving == {"preprod-1": NEW}
    assert stored(app, "preprod", layout.BUNDLE) == stored(app, "dev", layout.BUNDLE)
    assert not (tmp_path / ".tagship/promote/preprod" / NEW).exists()


def test_the_manifest_is_issued_for_the_next_environment_and_names_the_one_it_came_from(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    in_preprod(app)
    manifest, was = manifest_of(app, "preprod"), manifest_of(app, "dev")
    assert (manifest.environment, manifest.bundle.sha256) == ("preprod", was.bundle.sha256)
    assert manifest.configuration_sha256 == CONFS["deploy/environments/preprod.conf"]
    came = manifest.promoted
    assert came
    assert (came.environment, came.published) == ("dev", "dev")
    assert came.manifest_sha256 == app.ledger.tests("dev")[0].details["manifest_sha256"]
    assert base64.b64decode(came.signature) == stored(app, "dev", layout.SIGNATURE)


def test_what_was_promoted_twice_still_names_where_it_was_published(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    in_preprod(app)
    verb.tested(app, env="preprod")
    promote(app, to="prod", yes=True)
    came = manifest_of(app, "prod").promoted
    assert came
    assert (came.environment, came.published) == ("preprod", "dev")
    assert app.each["prod"].serving == {"prod-1": NEW}


def test_a_dry_run_shows_the_plan_and_copies_nothing(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    app.store.writes.clear()
    assert promote(app, source="dev", dry_run=True).state == "planned"
    assert not app.store.writes
    assert f"deploy {NEW} on preprod" in app.screen.lines


@pytest.mark.parametrize("cut", range(1, 4))
def test_cut_off_after_any_object_it_converges_when_it_is_run_again(tmp_path: Path, cut: int) -> None:
    app, written = an_app(tmp_path), []
    verb.tested(app, env="dev")

    def crash(action: str, key: str) -> None:
        written.append(key)
        if len(written) == cut:
            raise KeyboardInterrupt

    app.store.after = crash
    with pytest.raises(KeyboardInterrupt):
        promote(app, source="dev", to="preprod", yes=True)
    assert not app.ledger.deployments("preprod")
    app.store.after = lambda *_: None
    assert promote(app, source="dev", to="preprod", yes=True).state == "healthy"
    assert stored(app, "preprod", layout.BUNDLE) == stored(app, "dev", layout.BUNDLE)


def test_promoting_what_runs_already_changes_nothing(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    in_preprod(app)
    assert promote(app, source="dev", to="preprod").state == "unchanged"


# -- what refuses ------------------------------------------------------------------------------------------------------


def refused(app: FakeApp, kind: type[TagshipError] = Refused, **asked: Any) -> TagshipError:
    """A promotion to preprod that ends before anything is written there."""
    with pytest.raises(kind) as caught:
        promote(app, **{"source": "dev", "to": "preprod", "yes": True, **asked})
    assert not [key for key in app.store.objects if key.startswith("hello/preprod/")]
    assert not app.ledger.deployments("preprod")
    return caught.value


def test_untested(tmp_path: Path) -> None:
    error = refused(an_app(tmp_path))
    assert error.what == f"Nobody recorded that {NEW} passed its tests on dev."
    assert error.remedy == f"Run them, then record it: inv tested --version {NEW} --env dev"


def test_tests_of_other_bytes_do_not_count(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    app.ledger.entries[-1].details["manifest_sha256"] = "0" * 64  # type: ignore[index]
    assert "Nobody recorded" in refused(app).what


def test_tests_are_not_asked_for_where_the_settings_want_none(tmp_path: Path) -> None:
    app = an_app(tmp_path, tests=False)
    assert promote(app, source="dev", to="preprod", yes=True).state == "healthy"


def test_not_baked(tmp_path: Path) -> None:
    app = an_app(tmp_path, bake=30)
    verb.tested(app, env="dev")
    error = refused(app)
    assert "promotion.bake is 30 min" in error.what
    assert f"UTC on: inv promote --from dev --to preprod --version {NEW}" in error.remedy
    app.clock.time += timedelta(minutes=31)
    assert promote(app, source="dev", to="preprod", yes=True).state == "healthy"


def test_without_a_bake_what_is_healthy_since_this_second_goes_on(tmp_path: Path) -> None:
    """S3's time has whole seconds, and the ledger's has thousandths: the first is up to a second behind."""
    app = promotable(tmp_path)
    [*_, healthy] = [number for number, entry in enumerate(app.ledger.entries) if entry.state == "healthy"]
    now = app.store.now()
    at = (now + timedelta(milliseconds=700)).isoformat(timespec="milliseconds")
    app.ledger.entries[healthy] = replace(app.ledger.entries[healthy], at=at)
    assert promote(app, source="dev", to="preprod", yes=True).state == "healthy"


def test_marked_bad_where_it_comes_from(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    mark_bad(app, version=NEW, env="dev", reason="it leaks")
    assert "it leaks" in refused(app).what
    assert promote(app, source="dev", to="preprod", allow_bad=True, yes=True).state == "healthy"


def test_frozen(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    freeze(app, env="preprod", until="8h", reason="the sale")
    refused(app, Held)


def test_never_healthy_there(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    assert refused(app, artifact=OLD).what == f"{OLD} was never healthy on dev."


def test_unsigned(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    key = layout.artifact("hello", "dev", NEW, layout.SIGNATURE)
    del app.store.objects[key]
    refused(app, NotAuthentic)


def test_altered_bytes(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    key = layout.artifact("hello", "dev", NEW, layout.BUNDLE)
    metadata = app.store.objects.pop(key).metadata
    app.store.create(key, b"other", metadata)
    refused(app, NotAuthentic)


def test_unattested_where_that_is_required(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    values = app.settings.model_dump(exclude_defaults=True, mode="json")
    values["environments"]["preprod"]["require_attestation"] = True
    app.settings = settings(**values)
    assert "has no provenance, and preprod requires it" in refused(app, NotAuthentic).what


def test_githubs_attestations_go_along_and_are_required_where_that_is_set(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    give_provenance(app, f"acme/hello/.github/workflows/deploy-dev.yml@refs/tags/{NEW}")
    deploy(app, artifact=NEW, env="dev")
    verb.tested(app, env="dev")
    values = app.settings.model_dump(exclude_defaults=True, mode="json")
    values["environments"]["preprod"]["require_attestation"] = "github"
    app.settings = settings(**values, ci={"repository": "acme/hello"})
    app.given["forge"], instance = None, Sigstore()
    app.given["attestations"] = SigstoreAttestations(instance.trusted(tmp_path / "root.json"))
    manifest = stored_manifest(app, "dev", ArtifactId(NEW))
    assert manifest
    key = layout.artifact("hello", "dev", NEW, layout.ATTESTATIONS)
    bundle = instance.bundle(
        statement({"bundle": manifest.bundle.sha256}),
        workflow=f"acme/hello/.github/workflows/deploy-dev.yml@refs/tags/{NEW}",
    )
    assert "No attestation is stored beside" in refused(app, NotAuthentic).what
    app.store.create(key, written([bundle]))
    assert promote(app, source="dev", to="preprod", yes=True)
    carried = app.store.objects[layout.artifact("hello", "preprod", NEW, layout.ATTESTATIONS)]
    assert carried.body == app.store.objects[key].body


def test_an_environment_between_is_never_skipped(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    with pytest.raises(Refused, match="prod does not come after dev") as caught:
        promote(app, source="dev", to="prod", yes=True)
    assert caught.value.remedy.endswith("inv promote --from preprod --to prod")


def test_nothing_is_promoted_without_an_order(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no promotion\.order"):
        promote(FakeApp(root=tmp_path), source="dev", to="preprod")


def test_a_bundle_without_the_next_environments_settings(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    app.publish("0.1.31-dev")
    deploy(app, artifact="0.1.31-dev", env="dev")
    verb.tested(app, env="dev")
    assert "has no deploy/environments/preprod.conf" in refused(app).what


def test_another_artifact_under_the_same_id_stays(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    app.publish(NEW, environment="preprod")
    with pytest.raises(Refused, match="is taken in preprod: it was not promoted from dev"):
        promote(app, source="dev", to="preprod", yes=True)


def test_without_a_terminal_it_wants_yes(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    error = refused(app, UsageError, yes=False)
    assert error.remedy == f"inv promote --from dev --to preprod --version {NEW} --yes"


def test_a_no_promotes_nothing(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    app.prompt = FakePrompt(False)
    refused(app, TagshipError, yes=False)
    assert app.prompt.asked == [f"Promote {NEW} to preprod?"]


# -- races -------------------------------------------------------------------------------------------------------------


def test_what_was_replaced_while_it_waited_is_refused_unless_it_was_named(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    app.publish("0.1.31-dev")
    app.prompt = FakePrompt(True)

    def moved(_verb: str, key: str) -> None:
        """Another version reaches dev, and another run has changed preprod, while this one copies."""
        app.store.after = lambda *_: None
        deploy(app, artifact="0.1.31-dev", env="dev")
        lease = app.leases.take("preprod", holder="bob@laptop", run_url="", ttl=60)
        app.leases.release(lease)

    app.store.after = moved
    with pytest.raises(Refused, match=r"dev runs 0\.1\.31-dev now, not"):
        promote(app, source="dev", to="preprod")
    assert promote(app, source="dev", to="preprod", artifact=NEW, yes=True).state == "healthy"


def test_of_two_promotions_the_older_is_told_that_it_came_too_late(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    in_preprod(app)
    deploy(app, artifact=OLD, env="dev", allow_older=True)
    verb.tested(app, env="dev")
    with pytest.raises(Refused, match=f"{OLD} is older than {NEW}, which preprod runs"):
        promote(app, source="dev", to="preprod", yes=True)


def test_what_was_promoted_and_then_marked_bad_before_is_not_deployed_either(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    in_preprod(app)
    mark_bad(app, version=NEW, env="dev", reason="it leaks")
    with pytest.raises(Refused, match="it leaks"):
        deploy(app, artifact=NEW, env="preprod")


def test_a_deployment_that_is_refused_once_the_artifact_was_copied_does_not_say_that_nothing_was_changed(
    tmp_path: Path,
) -> None:
    app = promotable(tmp_path)
    app.leases.take("preprod", holder="bob@laptop", run_url="", ttl=60)
    with pytest.raises(Held) as caught:
        promote(app, source="dev", to="preprod", yes=True)
    assert caught.value.state == f"{NEW} is published for preprod; no host was changed."
    assert layout.artifact("hello", "preprod", NEW, layout.MANIFEST) in app.store.objects


# -- all the way -------------------------------------------------------------------------------------------------------


def test_all_the_way_stops_where_the_tests_are_missing_and_goes_on_from_there(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    with pytest.raises(Refused, match="passed its tests on preprod"):
        promote(app, all_the_way=True, yes=True)
    assert app.each["preprod"].serving == {"preprod-1": NEW}
    assert not app.ledger.deployments("prod")
    verb.tested(app, env="preprod")
    assert promote(app, all_the_way=True, yes=True).state == "healthy"
    assert app.each["prod"].serving == {"prod-1": NEW}


def test_all_the_way_takes_no_ends(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no --from and no --to"):
        promote(an_app(tmp_path), all_the_way=True, to="prod")


# -- where it is -------------------------------------------------------------------------------------------------------


def test_one_command_says_where_a_version_is_now(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    in_preprod(app)
    app.publish("0.1.31-dev")
    deploy(app, artifact="0.1.31-dev", env="dev")
    mark_bad(app, version=NEW, env="dev", reason="it leaks")
    places = where_is(app, NEW)
    assert [(place.environment, place.state) for place in places] == [
        ("dev", "replaced"),
        ("preprod", "running"),
        ("prod", "absent"),
    ]
    assert (places[0].tested, places[0].runs) == (True, "0.1.31-dev")
    assert places[0].bad.endswith("it leaks")
    assert [row[:2] for row in app.screen.tables[-1][1]] == [
        ["dev", "replaced, tested, bad"],
        ["preprod", "running"],
        ["prod", "absent"],
    ]


def test_what_is_published_and_was_never_deployed_is_said_to_be_so(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    assert [place.state for place in where_is(app, OLD)] == ["published", "absent", "absent"]


# -- what differs ------------------------------------------------------------------------------------------------------


def test_what_differs_is_shown_before_it_asks(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    deploy(app, artifact=OLD, env="dev", allow_older=True)
    verb.tested(app, env="dev")
    promote(app, source="dev", to="preprod", yes=True)
    deploy(app, artifact=NEW, env="dev")
    verb.tested(app, env="dev")
    app.screen.lines.clear()
    promote(app, source="dev", to="preprod", dry_run=True)
    assert "commits: none, both are of 00000000" in app.screen.lines
    assert "settings: the same" in app.screen.lines
    assert "secrets: the same" in app.screen.lines


def with_infra(tmp_path: Path, **infra: object) -> tuple[ThreeEnvironments, FakeTerraform]:
    """NEW can be promoted to preprod, whose infrastructure is Terraform's."""
    app, tool = promotable(tmp_path), FakeTerraform()
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/main.tf").touch()
    chosen = app.settings.environments
    own = chosen["preprod"].infra.model_copy(update={"directory": "infra", **infra})
    changed = chosen["preprod"].model_copy(update={"infra": own})
    app.settings = app.settings.model_copy(update={"environments": {**chosen, "preprod": changed}})
    app.given["infrastructure"] = tool
    return app, tool


def foreseen(app: ThreeEnvironments) -> list[str]:
    promote(app, source="dev", to="preprod", artifact=NEW, dry_run=True)
    at = next(n for n, line in enumerate(app.screen.lines) if line.startswith("infrastructure: "))
    return app.screen.lines[at : at + 2]


def test_what_it_changes_of_the_infrastructure_is_planned_without_a_lock_and_shown(tmp_path: Path) -> None:
    app, tool = with_infra(tmp_path)
    assert foreseen(app) == ["infrastructure: 1 to add", "      add terraform_data.release"]
    assert tool.calls == ["init", "plan without a lock", "show"]
    assert tool.told[-1]["TF_VAR_artifact_id"] == NEW
    assert not list(tmp_path.rglob("*.tfplan"))
    promote(app, source="dev", to="preprod", artifact=NEW, yes=True)
    assert tool.world.applied == "", "a promotion applies nothing"


@pytest.mark.parametrize("fails", ["init", "plan without a lock", "show"])
def test_infrastructure_that_cannot_be_planned_is_not_known_and_holds_nothing_up(fails: str, tmp_path: Path) -> None:
    app, tool = with_infra(tmp_path)
    tool.fails = fails
    [line, *_] = foreseen(app)
    assert line.startswith("infrastructure: not known (")
    assert line.endswith(f"; once this is promoted: inv infra.plan --version {NEW} --env preprod")
    assert promote(app, source="dev", to="preprod", artifact=NEW, yes=True).state == "healthy"


def test_a_job_of_ci_runs_no_tool_of_the_projects_beside_its_credentials(tmp_path: Path) -> None:
    app, tool = with_infra(tmp_path)
    app.ci = FakeCi(running=True)  # type: ignore[assignment]
    assert foreseen(app)[0] == (
        "infrastructure: not planned in a job of CI; once this is promoted: "
        f"inv infra.plan --version {NEW} --env preprod"
    )
    assert tool.calls == []


def test_of_a_command_of_ones_own_the_way_to_see_it_is_named(tmp_path: Path) -> None:
    app, tool = with_infra(tmp_path, command=("npx", "cdk", "deploy"))
    assert foreseen(app)[0] == (
        "infrastructure: not planned, it is a command's; once this is promoted: "
        f"inv infra --version {NEW} --env preprod --dry-run"
    )
    assert tool.calls == []


def test_without_infrastructure_nothing_is_said_of_it(tmp_path: Path) -> None:
    app = promotable(tmp_path)
    promote(app, source="dev", to="preprod", artifact=NEW, dry_run=True)
    assert not [line for line in app.screen.lines if line.startswith("infrastructure")]


def test_a_rollback_in_the_next_environment_needs_no_promotion(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    deploy(app, artifact=OLD, env="dev", allow_older=True)
    in_preprod(app, OLD)
    deploy(app, artifact=NEW, env="dev")
    in_preprod(app, NEW)
    assert rollback(app, to=OLD, env="preprod").state == "healthy"


def test_one_change_alone_is_promoted_after_what_it_was_made_on(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    verb.tested(app, env="dev")
    with pytest.raises(Refused, match=r"preprod runs nothing, not .*: other changes would go with this one"):
        promote(app, source="dev", artifact=NEW, after=OLD, yes=True)
    assert promote(app, source="dev", artifact=NEW, yes=True).state == "healthy"
    assert promote(app, source="dev", artifact=NEW, after=OLD, yes=True).state in {"healthy", "unchanged"}


# -- migrations that can't be undone -----------------------------------------------------------------------------------


def test_a_promotion_names_the_migrations_that_it_brings_also_of_versions_that_were_skipped(tmp_path: Path) -> None:
    app = an_app(tmp_path, tests=False)
    hook = {"before_switch": {"command": ["migrate"], "reversible": False}}
    app.settings = app.settings.model_copy(update={"hooks": settings(hooks=hook).hooks})
    app.given["hook_runner"] = FakeHookRunner()
    deploy(app, artifact=OLD, env="dev", allow_older=True)
    promote(app, source="dev", to="preprod", artifact=OLD, yes=True)
    later = "0.1.31-dev"
    app.publish(later)
    give_configuration(app, later)
    deploy(app, artifact=NEW, env="dev")
    app.settings = app.settings.model_copy(update={"hooks": {}})
    deploy(app, artifact=later, env="dev")
    app.screen.lines.clear()
    promote(app, source="dev", to="preprod", artifact=later, yes=True)
    assert f"warning: migrations that can't be undone: {NEW}" in app.screen.lines


# -- images ------------------------------------------------------------------------------------------------------------

IMAGES = {
    "api": {"repository": "1.example/api", "repositories": {"preprod": "2.example/api", "prod": "3.example/api"}},
    "worker": {"repository": "1.example/worker"},
}
DIGEST = "sha256:" + "d" * 64


def with_images(tmp_path: Path, **repositories: Any) -> FakeApp:
    """NEW has two images; preprod and prod pull one of them from repositories of their own."""
    services = {"cluster": "x", "services": {"web": {"images": {"app": "api", "worker": "worker"}}}}
    app = promotable(tmp_path)
    named = {name: {"branch": name, "suffix": name, "ecs": services} for name in ORDER}
    app.settings = settings(images=IMAGES | repositories, environments=named, promotion={"order": list(ORDER)})
    images = FakeImages()
    app.given["registry"] = images
    for name in IMAGES:
        ref = ImageRef(f"1.example/{name}", NEW, DIGEST, {"linux/amd64": DIGEST})
        images.stored[ref.repository, NEW] = ref
    key, sig = (layout.artifact("hello", "dev", NEW, name) for name in (layout.MANIFEST, layout.SIGNATURE))
    value = json.loads(app.store.objects.pop(key).body)
    value["files"] |= {f"deploy/environments/{name}.json": "5" * 64 for name in ORDER}
    value["images"] = {name: images.stored[f"1.example/{name}", NEW].to_values() for name in IMAGES}
    raw = (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
    app.store.create(sig, app.signer.sign(raw), app.store.objects.pop(sig).metadata)
    app.store.create(key, raw)
    deploy(app, artifact=NEW, env="dev")
    return app


def test_an_image_is_copied_by_digest_to_the_repository_of_the_next_environment(tmp_path: Path) -> None:
    app = with_images(tmp_path)
    in_preprod(app)
    images = app.given["registry"]
    assert images.calls == [f"copy 1.example/api@{DIGEST} 2.example/api"]
    manifest = manifest_of(app, "preprod")
    assert manifest.images["api"] == ImageRef("2.example/api", NEW, DIGEST, {"linux/amd64": DIGEST}, "1.example/api")
    assert manifest.images["worker"].repository == "1.example/worker"
    assert images.stored["2.example/api", NEW].digest == DIGEST
    assert f"1.example/api@{DIGEST} is in 2.example/api:{NEW}, the same bytes" in app.screen.text


def test_what_was_copied_twice_still_names_the_repository_that_it_was_pushed_to(tmp_path: Path) -> None:
    app = with_images(tmp_path)
    in_preprod(app)
    verb.tested(app, env="preprod")
    promote(app, source="preprod", to="prod", artifact=NEW, yes=True)
    assert manifest_of(app, "prod").images["api"].pushed_to == "1.example/api"
    assert app.given["registry"].calls[-1] == f"copy 2.example/api@{DIGEST} 3.example/api"


def test_a_dry_run_copies_no_image(tmp_path: Path) -> None:
    app = with_images(tmp_path)
    verb.tested(app, env="dev")
    promote(app, source="dev", to="preprod", artifact=NEW, dry_run=True)
    assert app.given["registry"].calls == []


def test_an_image_that_is_gone_leaves_no_artifact_in_the_next_environment(tmp_path: Path) -> None:
    app = with_images(tmp_path)
    app.given["registry"].stored.clear()
    with pytest.raises(TagshipError, match="is gone"):
        in_preprod(app)
    assert layout.artifact("hello", "preprod", NEW, layout.MANIFEST) not in app.store.objects


def test_another_image_under_the_tag_there_is_never_replaced(tmp_path: Path) -> None:
    app = with_images(tmp_path)
    other = ImageRef("2.example/api", NEW, "sha256:" + "e" * 64)
    app.given["registry"].stored["2.example/api", NEW] = other
    with pytest.raises(NotAuthentic):
        in_preprod(app)
    assert app.given["registry"].stored["2.example/api", NEW] == other


def test_an_image_that_was_not_built_is_said_before_anything_is_copied(tmp_path: Path) -> None:
    app = with_images(tmp_path)
    services = {"cluster": "x", "services": {"web": {"images": {"app": "third"}}}}
    named = {name: {"branch": name, "suffix": name, "ecs": services} for name in ORDER}
    images = IMAGES | {"third": {"repository": "1.example/third"}}
    app.settings = settings(images=images, environments=named, promotion={"order": list(ORDER)})
    with pytest.raises(Refused, match=r"preprod runs the image third, and 0\.1\.30-dev was built without one"):
        in_preprod(app)


# -- static sets -------------------------------------------------------------------------------------------------------


def test_a_promotion_copies_static_sets_and_the_next_environment_serves_them(tmp_path: Path) -> None:
    places = {name: {"bucket": f"hello-{name}"} for name in ("dev", "preprod")}
    static = {"site": {"directory": "public", "environments": places}}
    app = an_app(tmp_path, tests=False)
    app.settings = app.settings.model_copy(update={"static": settings(static=static).static})
    sites = {name: FakeSite() for name in places}
    app.given |= {f"site {name} site": site for name, site in sites.items()}
    later, files = "0.1.31-dev", {"index.html": b"later"}
    app.publish(later)
    give_configuration(app, later)
    publish_set(app, later, files)
    deploy(app, artifact=later, env="dev")
    promote(app, source="dev", to="preprod", artifact=later, yes=True)
    key = layout.artifact("hello", "preprod", later, layout.static("site"))
    manifest = Manifest.from_json(app.store.objects[key.replace("static/site.zip", layout.MANIFEST)].body, key)
    assert manifest.static["site"].key == key
    assert sha256(app.store.objects[key].body) == manifest.static["site"].sha256
    assert sites["preprod"].serves(files)


def test_a_set_that_was_not_built_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    app = an_app(tmp_path, tests=False)
    static = {"site": {"directory": "public", "environments": {"preprod": {"bucket": "hello-preprod"}}}}
    app.settings = app.settings.model_copy(update={"static": settings(static=static).static})
    with pytest.raises(Refused, match=r"preprod serves the static set site, and 0\.1\.30-dev was built without it"):
        promote(app, source="dev", to="preprod", artifact=NEW, yes=True)
