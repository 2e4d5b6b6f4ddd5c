"""GitHub's attestations where an environment requires them: asked for once, kept, and verified anew each time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.attestations import SigstoreAttestations
from tagship.domain import layout
from tagship.domain.manifest import ImageRef
from tagship.engine.artifacts import altered, stored_manifest, verified_manifest
from tagship.engine.github_attested import ALLOWED_TO_READ, IMAGES, name_images
from tagship.errors import NotAllowed, NotAuthentic, Refused
from tagship.settings import own
from tagship.settings.model import Settings
from tagship.verbs.deploy import deploy
from tagship.verbs.publish import publish
from tagship.verbs.rollback import rollback
from tests.fakes.app import VALUES, FakeApp
from tests.fakes.forge import FakeForge
from tests.fakes.sigstore import Sigstore, statement
from tests.fakes.target import FakeTarget, machine
from tests.unit.ci import VERSION
from tests.unit.engine.test_attested import WORKFLOW, requiring

INSTANCE = Sigstore()
KEY = f"hello/dev/{VERSION}/{layout.ATTESTATIONS}"


def made(root: Path, *, token: bool = True) -> FakeApp:
    """A published version of an environment that requires GitHub's attestation, with nothing attested yet."""
    app = requiring(root, required="github")  # type: ignore[arg-type]
    app.settings = app.settings.model_copy(
        update={"ci": app.settings.ci.model_copy(update={"repository": "acme/hello"})}
    )
    forge = FakeForge()
    app.given["forge"] = forge if token else None
    app.given["attestations"] = SigstoreAttestations(INSTANCE.trusted(root / "trusted_root.json"))
    publish(app, artifact=VERSION)
    app.screen.warnings.clear()
    return app


def test_the_digests_of_pushed_images_are_where_the_workflows_step_reads_them(tmp_path: Path) -> None:
    app = made(tmp_path)
    manifest = stored_manifest(app, "dev", VERSION)
    assert manifest
    file = own(tmp_path) / IMAGES
    assert not file.exists()  # it has none
    digest = "c" * 64
    image = ImageRef("registry.example/hello", VERSION, f"sha256:{digest}", f"sha256:{digest}")
    name_images(app, replace(manifest, image=image))
    assert file.read_text("utf-8") == f"{digest}  registry.example/hello\n"
    file.unlink()
    dev = app.settings.environments["dev"].model_copy(update={"require_attestation": True})
    app.settings = app.settings.model_copy(update={"environments": {"dev": dev}})
    name_images(app, replace(manifest, image=image))
    assert not file.exists()


def forge_of(app: FakeApp) -> FakeForge:
    forge = app.given["forge"]
    assert isinstance(forge, FakeForge)
    return forge


def attest(app: FakeApp, digest: str = "", **changes: Any) -> None:
    """What the workflow's job attests, as GitHub answers it."""
    manifest = stored_manifest(app, "dev", VERSION)
    assert manifest
    known = f"sha256:{manifest.bundle.sha256}"
    bundle = INSTANCE.bundle(statement({"bundle": digest or manifest.bundle.sha256}), workflow=WORKFLOW, **changes)
    forge_of(app).attested.setdefault(known, []).append(bundle)


def refused(app: FakeApp, words: str) -> NotAuthentic:
    """Neither a deployment nor a rollback begins."""
    app.hosts = FakeTarget([machine("web-1")])
    with pytest.raises(NotAuthentic, match=words) as caught:
        deploy(app, artifact=VERSION)
    with pytest.raises(NotAuthentic, match=words):
        rollback(app, to=VERSION, env="dev", yes=True)
    assert (app.hosts.sent, app.ledger.deployments("dev")) == ([], [])
    assert caught.value.state == "Nothing was changed."
    return caught.value


def test_the_first_look_asks_github_and_keeps_the_answer_so_that_the_next_needs_no_github(tmp_path: Path) -> None:
    app = made(tmp_path)
    attest(app)
    assert verified_manifest(app, "dev", VERSION)
    assert KEY in app.store.objects
    app.given["forge"] = None
    assert verified_manifest(app, "dev", VERSION)


def test_publish_keeps_what_is_attested_already_and_says_what_is_not(tmp_path: Path) -> None:
    app = made(tmp_path)
    assert KEY not in app.store.objects
    publish(app, artifact=VERSION)
    [warned] = app.screen.warnings
    assert warned.startswith(
        f"dev will refuse {VERSION} until GitHub attests it: {VERSION} has no attestation by acme/"
    )
    attest(app)
    publish(app, artifact=VERSION)
    assert len(app.screen.warnings) == 1
    assert KEY in app.store.objects


def test_what_github_does_not_know_is_not_deployed(tmp_path: Path) -> None:
    problem = refused(
        made(tmp_path), "has no attestation by acme/hello/deploy-dev.yml@refs/tags/.*None is known to GitHub"
    )
    assert "deploy-bundle.tar.gz" in problem.what


def test_without_a_token_it_says_what_is_needed(tmp_path: Path) -> None:
    problem = refused(made(tmp_path, token=False), "GitHub can't be asked without a token")
    assert ALLOWED_TO_READ in problem.remedy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"digest": "e" * 64}, "has no attestation by .* Those known to GitHub are of other bytes"),
        ({"repository": "acme/fork"}, "GitHubWorkflowRepository does not match"),
        ({"issuer": "https://evil.example"}, "OIDCIssuer does not match"),
    ],
    ids=["another digest", "a fork", "another issuer"],
)
def test_an_attestation_of_something_else_is_none(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    app = made(tmp_path)
    attest(app, **changes)
    refused(app, words)
    assert KEY not in app.store.objects


def test_one_that_is_good_beside_one_that_is_not_is_enough(tmp_path: Path) -> None:
    app = made(tmp_path)
    attest(app, repository="acme/fork")
    attest(app)
    assert verified_manifest(app, "dev", VERSION)
    assert len(json.loads(app.store.objects[KEY].body)["bundles"]) == 1


Change = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: body.replace(b"deploy-dev", b"deploy-dex"), "is not to be believed|has no attestation"),
        (lambda body: b'{"schema": 1, "bundles": []}', "None is stored beside it"),
        (lambda body: b'{"schema": 2, "bundles": []}', "has no attestations that can be read"),
        (lambda body: b"", "has no attestations that can be read"),
        (lambda body: json.dumps({"schema": 1, "bundles": [Sigstore().bundle(statement({"x": "a" * 64}))]}).encode(),
         "certificate chain"),
    ],
    ids=["altered", "emptied", "another schema", "no bytes", "another instance's"],
)  # fmt: skip
def test_who_may_write_to_the_bucket_forges_none(tmp_path: Path, change: Change, words: str) -> None:
    app = made(tmp_path)
    attest(app)
    verified_manifest(app, "dev", VERSION)
    stored = app.store.objects[KEY]
    body = change(stored.body)
    if body == stored.body:  # the workflow's name is in the certificate alone
        value = json.loads(body)
        value["bundles"][0]["dsseEnvelope"]["payload"] = "e30="
        body = json.dumps(value).encode()
    app.store.objects[KEY] = replace(stored, body=body)
    refused(app, words)


def test_candidates_are_listed_without_asking_github(tmp_path: Path) -> None:
    app = made(tmp_path)
    forge_of(app).fails = 99
    assert not altered(app, "dev", VERSION)
    assert stored_manifest(app, "dev", VERSION)


def test_a_role_that_may_not_store_them_deploys_and_says_what_that_means(tmp_path: Path) -> None:
    app = made(tmp_path)
    attest(app)

    def refuses(*_: object) -> Any:
        raise NotAllowed("You may not put it there.", remedy="Ask")

    app.store.create = refuses  # type: ignore[method-assign]
    assert verified_manifest(app, "dev", VERSION)
    assert app.screen.warnings == [
        "the attestations were not stored, so a rollback will ask GitHub for them: You may not put it there."
    ]


def test_where_it_is_not_required_nothing_is_asked(tmp_path: Path) -> None:
    app = requiring(tmp_path)
    publish(app, artifact=VERSION)
    assert verified_manifest(app, "dev", VERSION)
    assert KEY not in app.store.objects


def test_without_the_library_nothing_is_deployed(tmp_path: Path) -> None:
    class Missing:
        def digests(self, *_: object) -> set[str]:
            raise Refused("It is not installed.", remedy="pip install it")

    app = made(tmp_path)
    attest(app)
    app.given["attestations"] = Missing()
    with pytest.raises(Refused):
        deploy(app, artifact=VERSION)


def test_the_repository_has_to_be_named() -> None:
    dev = {**VALUES["environments"]["dev"], "require_attestation": "github"}
    problems = list(Settings.problems({**VALUES, "environments": {"dev": dev}}))
    assert ("ci.repository", "is missing: environments.dev requires attestations of that repository") in problems
    named = {**VALUES, "ci": {"repository": "acme/hello"}, "environments": {"dev": dev}}
    assert not [place for place, _ in Settings.problems(named) if place == "ci.repository"]
