"""setup: what it makes of an empty account, of one that has things, and of one that has everything."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.foundation import Existing
from tagship.errors import Refused, ServiceFailed, SettingsError
from tagship.verbs.eject import eject
from tagship.verbs.setup import setup
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.foundation import KEY, PEM, PROVIDER, FakeFoundation
from tests.fakes.repository import FakeRepository
from tests.fakes.signing import public

ROOT = Path(__file__).parents[3]
Make = Callable[..., FakeApp]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A repository with deploy/, on an account; `changes` are of the settings."""

    def made(account: FakeFoundation | None = None, **changes: Any) -> FakeApp:
        if not (tmp_path / "deploy").exists():
            shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
        values = {
            "signing": {"key": "kms:alias/hello-release", "public_key": "keys/release.pub.pem"},
            "ci": {"repository": "acme/hello"},
            **changes,
        }
        app = FakeApp(settings=settings(**values), root=tmp_path)
        app.given["foundation"] = account or FakeFoundation()
        app.given["repository"] = FakeRepository()
        return app

    return made


def account(app: FakeApp) -> FakeFoundation:
    found: FakeFoundation = app.given["foundation"]
    return found


def test_an_empty_account_gets_everything_in_order(make: Make) -> None:
    app = make()
    result = setup(app)
    documents = ["document tagship-deploy", "document tagship-deploy-status"]
    assert account(app).done == ["stack tagship-hello protected", "stack tagship-hello-dev", *documents]
    assert [(one.kind, one.word) for one in result.changes] == [
        ("stack", "make"),
        ("public key", "make"),
        ("stack", "make"),
        *[("document", "make")] * 2,
    ]
    assert (app.root / "keys/release.pub.pem").read_text() == PEM
    dev = account(app).stacks["tagship-hello-dev"].parameters
    assert dev["KeyArn"] == KEY
    assert dev["ProviderArn"] == PROVIDER
    assert dev["Repository"] == "acme/hello"
    assert "gh variable set AWS_ROLE_ARN --env dev --body arn:aws:iam::123456789012:role/tagship-hello-dev-ci" in str(
        app.screen.lines
    )


def test_what_keeps_the_role_to_its_tags_is_printed(make: Make) -> None:
    """Without it, a job of any branch that names the environment gets the role."""
    app = make()
    setup(app)
    assert (
        "gh api -X POST repos/{owner}/{repo}/environments/dev/deployment-branch-policies -f type=tag -f name='*-dev'"
        in app.screen.lines
    )
    assert any(
        line.startswith("gh variable set AWS_NOTIFY_ROLE_ARN --env dev --body arn:") for line in app.screen.lines
    )


def test_every_parameter_of_a_template_is_given(make: Make) -> None:
    """AWS keeps a default as the stack's own value: what nobody gave would differ for ever."""
    app = make()
    setup(app)
    for name, file in {"tagship-hello": "foundation", "tagship-hello-dev": "environment"}.items():
        stack = account(app).stack(name)
        assert stack
        section = re.search(r"^Parameters:\n(.*?)^\w", (ROOT / f"deploy/aws/{file}.yaml").read_text(), re.M | re.S)
        assert section
        assert sorted(stack.parameters) == sorted(re.findall(r"^  (\w+):$", section[1], re.M))


def test_a_second_run_says_that_there_is_nothing_to_do(make: Make) -> None:
    app = make()
    setup(app)
    account(app).done.clear()
    result = setup(app)
    assert account(app).done == []
    assert all(one.same for one in result.changes)
    assert "nothing to do" in app.screen.lines
    assert result.outputs["tagship-hello"]["KeyArn"] == KEY


def test_a_dry_run_shows_and_changes_nothing(make: Make) -> None:
    app = make()
    result = setup(app, dry_run=True)
    assert not result.done
    assert account(app).done == []
    assert not (app.root / "keys").exists()
    assert "make   stack tagship-hello" in app.screen.lines


def test_a_dry_run_of_a_change_shows_its_lines(make: Make) -> None:
    app = make()
    setup(app)
    entry = app.root / "deploy/host/entry.sh"
    entry.write_text(entry.read_text() + "# one more line\n")
    setup(app, dry_run=True)
    shown = "\n".join(app.screen.lines)
    assert "change document tagship-deploy" in shown
    assert '+     "# one more line"' in shown
    assert "one more line" not in (account(app).document("tagship-deploy") or "")


def test_without_host_files_of_its_own_a_repository_is_set_up_with_those_of_tagship(make: Make) -> None:
    app = make()
    setup(app)
    shutil.rmtree(app.root / "deploy")
    account(app).done.clear()
    setup(app)
    assert account(app).done == []
    assert "nothing to do" in app.screen.lines


def test_a_document_has_a_new_version_only_when_it_changed(make: Make) -> None:
    app = make()
    setup(app)
    entry = app.root / "deploy/host/entry.sh"
    before = entry.read_text()
    entry.write_text(before + "# more\n")
    setup(app)
    assert len(account(app).versions["tagship-deploy"]) == 2
    entry.write_text(before)
    setup(app)
    assert len(account(app).versions["tagship-deploy"]) == 2
    assert account(app).default["tagship-deploy"] == 0


def test_what_the_account_has_is_used_and_left_alone(make: Make) -> None:
    there = Existing(bucket=True, key=KEY, provider=PROVIDER, repository=True)
    app = make(FakeFoundation(before=there, gaps=["versioning is off"]))
    setup(app)
    shared = account(app).stacks["tagship-hello"].parameters
    assert shared["MakeBucket"] == "no"
    assert (shared["KeyAlias"], shared["KeyArn"], shared["ProviderArn"]) == ("", KEY, PROVIDER)
    assert any("versioning is off" in one for one in app.screen.warnings)


def test_what_the_stack_made_stays_the_stacks(make: Make) -> None:
    """On the second run the bucket and the provider are there: as our own, not as somebody else's."""
    app = make()
    setup(app)
    before = account(app).stacks["tagship-hello"].parameters
    setup(app, owner_id="12", repository_id="34")
    assert account(app).stacks["tagship-hello"].parameters == before
    assert before["MakeBucket"] == "yes"
    assert before["ProviderArn"] == ""


def test_githubs_numbers_are_kept_once_they_were_given(make: Make) -> None:
    app = make()
    setup(app, owner_id="12", repository_id="34")
    setup(app)
    dev = account(app).stacks["tagship-hello-dev"].parameters
    assert dev["NumberedRepository"] == "acme@12/hello@34"


def test_the_roles_are_for_the_environments_own_workflow_at_its_tags(make: Make) -> None:
    app = make()
    setup(app)
    dev = account(app).stacks["tagship-hello-dev"].parameters
    workflows = "acme/hello/.github/workflows/"
    assert {role: dev[f"{role}Workflows"] for role in ("Ship", "Rollback", "Verify")} == {
        "Ship": f"{workflows}deploy-dev.yml@refs/tags/*-dev",
        "Rollback": f"{workflows}rollback.yml@refs/heads/main",
        "Verify": f"{workflows}verify.yml@refs/heads/main",
    }
    assert (dev["CleanupWorkflow"], dev["CleanupBranch"]) == ("cleanup.yml", "main")


@pytest.mark.parametrize("numbers", [("12", ""), ("", "34"), ("x", "34"), ("\u0661", "34")])
def test_githubs_numbers_are_given_together(make: Make, numbers: tuple[str, str]) -> None:
    app = make()
    with pytest.raises(Refused, match="together, as digits"):
        setup(app, owner_id=numbers[0], repository_id=numbers[1])
    assert account(app).done == []


def test_another_key_in_the_repository_is_refused_before_anything_is_made(make: Make) -> None:
    app = make(FakeFoundation(before=Existing(key=KEY)))
    (app.root / "keys").mkdir()
    (app.root / "keys/release.pub.pem").write_text(PEM.replace("MFkw", "AAAA"))
    with pytest.raises(Refused) as caught:
        setup(app)
    assert "is not the public half of kms:alias/hello-release" in caught.value.what
    assert "rm keys/release.pub.pem && inv setup" in caught.value.remedy
    assert account(app).done == []


KEYS = {
    "key": "kms:alias/hello-{environment}-release",
    "public_key": "keys/{environment}-release.pub.pem",
    "order_key": "kms:alias/hello-{environment}-orders",
    "order_public_key": "keys/{environment}-orders.pub.pem",
}


def test_each_environment_gets_a_key_for_releases_and_one_for_orders(make: Make) -> None:
    environments_ = {**environments(), "prod": environments()["dev"]}
    app = make(FakeFoundation(pem=""), signing=KEYS, environments=environments_)
    setup(app)
    assert account(app).stacks["tagship-hello"].parameters["KeyAlias"] == ""
    for name in ("dev", "prod"):
        given = account(app).stacks[f"tagship-hello-{name}"].parameters
        assert (given["ReleaseKeyAlias"], given["KeyArn"]) == (f"alias/hello-{name}-release", "none")
        assert (given["OrderKeyAlias"], given["OrderKeyArn"]) == (f"alias/hello-{name}-orders", "none")
        for purpose in ("release", "orders"):
            text = (app.root / f"keys/{name}-{purpose}.pub.pem").read_text()
            assert text == public(f"kms:alias/hello-{name}-{purpose}")
    account(app).done.clear()
    assert all(one.same for one in setup(app).changes)
    assert account(app).done == []


def test_another_alias_makes_another_key_which_signs_and_the_one_before_still_counts(make: Make) -> None:
    app = make(FakeFoundation(pem=""), signing=KEYS)
    setup(app)
    before = account(app).stacks["tagship-hello-dev"].template
    later = make(account(app), signing={**KEYS, "key": "kms:alias/hello-{environment}-release-2"})
    setup(later)
    assert account(later).stacks["tagship-hello-dev"].parameters["ReleaseKeyAlias"] == "alias/hello-dev-release-2"
    text = (app.root / "keys/dev-release.pub.pem").read_text()
    assert text == public("kms:alias/hello-dev-release-2") + public("kms:alias/hello-dev-release")
    assert any("before anything is published: inv pin --env dev" in line for line in later.screen.lines)
    after = account(later).stacks["tagship-hello-dev"].template
    ids = [set(re.findall(r"^  (\w+):\n    Type: AWS::KMS", one, re.M)) for one in (before, after)]
    assert len(ids[0] & ids[1]) == 2, "the key for orders stays as it is"
    assert len(ids[1] - ids[0]) == 2, "the key for releases and its alias are others"
    assert all(one.same for one in setup(later).changes)


def test_keys_that_are_shared_are_named_with_what_that_lets_people_do(make: Make) -> None:
    shared = make(environments={**environments(), "prod": environments()["dev"]})
    setup(shared, dry_run=True)
    assert (
        "environments share kms:alias/hello-release: who may ship to one of them can sign for all" in shared.screen.text
    )
    assert "there is no signing.order_key" in shared.screen.text
    own = make(FakeFoundation(pem=""), signing=KEYS)
    setup(own, dry_run=True)
    assert own.screen.warnings == []


def test_a_strangers_key_in_the_repository_is_not_kept_beside_the_first_one(make: Make) -> None:
    app = make(FakeFoundation(pem=""), signing=KEYS)
    (app.root / "keys").mkdir()
    (app.root / "keys/dev-release.pub.pem").write_text(public("a stranger's"))
    with pytest.raises(Refused, match="which does not exist yet"):
        setup(app)
    assert account(app).done == []


def test_a_pem_key_needs_no_kms(make: Make) -> None:
    app = make(signing={"key": "release.key.pem", "public_key": "release.pub.pem"})
    setup(app)
    assert account(app).stacks["tagship-hello"].parameters["KeyAlias"] == ""
    assert account(app).stacks["tagship-hello-dev"].parameters["KeyArn"] == "none"
    assert not (app.root / "release.pub.pem").exists()


def test_the_hosts_tags_and_secrets_of_the_settings_are_in_the_template(make: Make) -> None:
    dev = environments(
        ec2={"tags": {"Name": 'a "b": c'}},
        secrets={"parameter_store": "/x/dev/", "secrets_manager": {"DB": "x/db#url"}},
    )
    app = make(environments=dev)
    setup(app)
    template = account(app).stacks["tagship-hello-dev"].template
    assert r'"ssm:resourceTag/Name": "a \U00000022b\U00000022: c"' in template
    assert "ssm:resourceTag/tagship:app" not in template
    assert "parameter/x/dev/*" in template
    assert "secret:x/db-??????" in template


def test_the_document_alone_can_be_installed(make: Make) -> None:
    app = make()
    setup(app, document_only=True)
    assert account(app).done == ["document tagship-deploy", "document tagship-deploy-status"]


def test_a_stack_that_fails_stops_it(make: Make) -> None:
    app = make(FakeFoundation(broken="tagship-hello"))
    with pytest.raises(ServiceFailed, match="Bucket: taken"):
        setup(app)
    assert account(app).done == ["stack tagship-hello protected"]


def test_a_repository_elsewhere_is_refused(make: Make) -> None:
    class Elsewhere:
        def remote_url(self) -> str:
            return "https://gitlab.com/acme/hello.git"

    app = make(ci={})
    app.given["repository"] = Elsewhere()
    with pytest.raises(SettingsError) as caught:
        setup(app)
    assert "inv setup --document-only" in caught.value.remedy


REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


def with_images(**repositories: str) -> dict[str, Any]:
    dev = environments()["dev"]
    return {
        name: {**dev, "branch": name, "image": {"repository": f"{REGISTRY}/{repository}"}}
        for name, repository in repositories.items()
    }


def test_a_repository_that_all_environments_share_is_the_apps(make: Make) -> None:
    app = make(environments=with_images(dev="hello", prod="hello"))
    setup(app)
    stacks = account(app).stacks
    assert stacks["tagship-hello"].parameters["ImageRepository"] == "hello"
    for name in ("tagship-hello-dev", "tagship-hello-prod"):
        assert stacks[name].parameters["ImageRepository"] == "hello"
        assert stacks[name].parameters["MakeImages"] == "no"


def test_a_repository_of_its_own_is_made_with_the_environment_and_stays_its_own(make: Make) -> None:
    app = make(environments=with_images(dev="hello-dev", prod="hello-prod"))
    for _ in range(2):
        setup(app)
        stacks = account(app).stacks
        assert stacks["tagship-hello"].parameters["ImageRepository"] == ""
        for name in ("dev", "prod"):
            assert stacks[f"tagship-hello-{name}"].parameters["ImageRepository"] == f"hello-{name}"
            assert stacks[f"tagship-hello-{name}"].parameters["MakeImages"] == "yes"
    assert "nothing to do" in app.screen.lines


def test_a_repository_that_was_there_before_is_left_alone(make: Make) -> None:
    app = make(FakeFoundation(before=Existing(repository=True)), environments=with_images(dev="a", prod="b"))
    setup(app)
    assert account(app).stacks["tagship-hello-dev"].parameters["MakeImages"] == "no"


def test_some_that_share_a_repository_and_others_that_do_not_are_refused(make: Make) -> None:
    app = make(environments=with_images(dev="hello", test="hello", prod="hello-prod"))
    with pytest.raises(Refused, match="and others do not: hello, hello-prod"):
        setup(app)
    assert account(app).done == []


def test_what_was_done_before_it_failed_is_said(make: Make) -> None:
    app = make(FakeFoundation(broken="tagship-hello-dev"))
    with pytest.raises(ServiceFailed) as caught:
        setup(app)
    assert caught.value.state == "Done by then: stack tagship-hello."
    app = make(FakeFoundation(broken="tagship-hello"))
    with pytest.raises(ServiceFailed) as caught:
        setup(app)
    assert caught.value.state == "Nothing was changed."


def test_a_missing_template_is_named(make: Make) -> None:
    app = make()
    (app.root / "deploy/aws/environment.yaml").unlink()
    with pytest.raises(Refused) as caught:
        setup(app)
    assert caught.value.remedy.splitlines() == [
        "Put it back: git checkout -- deploy/aws/environment.yaml",
        "       If Git has no deploy/aws/environment.yaml, take tagship's own: inv eject",
    ]
    assert eject(app, yes=True).done
    setup(app)


def test_what_is_printed_as_json_has_every_change_with_its_lines(make: Make) -> None:
    value = json.loads(json.dumps(setup(make(), dry_run=True).as_data()))
    assert value["done"] is False
    assert {one["kind"] for one in value["changes"]} == {"stack", "public key", "document"}
    assert all(one["diff"] for one in value["changes"])


def test_an_account_that_took_the_change_otherwise_is_told_of(make: Make) -> None:
    class Forgetful(FakeFoundation):
        def document(self, name: str) -> str | None:
            there = super().document(name)
            return there and there.replace("set -eu", "set -e")

    with pytest.raises(ServiceFailed) as caught:
        setup(make(Forgetful()))
    assert "tagship-deploy, tagship-deploy-status still differ" in caught.value.what
    assert caught.value.remedy == "See the difference: inv setup --dry-run"


def test_a_stack_of_other_parameters_is_changed(make: Make) -> None:
    app = make()
    setup(app)
    stack = account(app).stacks["tagship-hello-dev"]
    account(app).stacks["tagship-hello-dev"] = replace(stack, parameters={**stack.parameters, "Lease": "other"})
    account(app).done.clear()
    result = setup(app)
    assert [one.name for one in result.changes if not one.same] == ["tagship-hello-dev"]
    assert account(app).done == ["stack tagship-hello-dev"]
    assert account(app).stacks["tagship-hello-dev"].parameters["Lease"] == "dev"


SITE = {
    "directory": "public",
    "environments": {"dev": {"bucket": "site-dev", "prefix": "www/", "distribution": "E2EXAMPLE"}},
}


def test_what_static_sets_need_is_granted_where_an_environment_serves_some(make: Make) -> None:
    app = make(static={"site": SITE})
    setup(app)
    stack = account(app).stacks["tagship-hello-dev"]
    assert (stack.parameters["Sites"], stack.parameters["Distributions"]) == ("yes", "yes")
    assert 's3:::site-dev/www/*"' in stack.template
    assert 'distribution/E2EXAMPLE"' in stack.template
    again = setup(app)
    assert all(change.same for change in again.changes)


def test_an_environment_without_static_sets_is_granted_nothing_for_them(make: Make) -> None:
    app = make(static={"site": {"directory": "public", "environments": {}}})
    setup(app)
    parameters = account(app).stacks["tagship-hello-dev"].parameters
    assert (parameters["Sites"], parameters["Distributions"]) == ("no", "no")


def test_what_is_promoted_to_trusts_the_workflow_that_promotes_on_its_branch(make: Make) -> None:
    both = {**environments(), "prod": {**environments()["dev"], "branch": "main"}}
    app = make(environments=both, promotion={"order": ["dev", "prod"]})
    setup(app)
    trusted = {name: account(app).stacks[f"tagship-hello-{name}"].parameters["ShipWorkflows"] for name in both}
    assert trusted["prod"] == "acme/hello/.github/workflows/deploy-prod.yml@refs/heads/main"
    assert "deploy-prod" not in trusted["dev"]
    branches = [line for line in app.screen.lines if "-f type=branch -f name='main'" in line]
    assert [line.split("/environments/")[1].split("/")[0] for line in branches] == [
        *("dev", "dev-cleanup", "prod", "prod-cleanup"),
    ]
    assert not [line for line in app.screen.lines if "-f type=tag" in line and "/prod/" in line]


def test_each_role_gets_its_variable_in_githubs_environment(make: Make) -> None:
    app = make()
    setup(app)
    said = [line.split(" --body ")[0] for line in app.screen.lines if "--env dev --body" in line]
    assert said == [
        f"gh variable set {name} --env dev"
        for name in (
            "AWS_ROLE_ARN",
            "AWS_NOTIFY_ROLE_ARN",
            "AWS_ROLLBACK_ROLE_ARN",
            "AWS_VERIFY_ROLE_ARN",
            "AWS_REGION",
        )
    ]


def test_a_role_for_nobody_and_one_for_any_workflow(make: Make) -> None:
    workflows = {"ship": ["*"], "rollback": [], "verify": ["a.yml@refs/heads/main", "b.yml@refs/heads/main"]}
    app = make(environments={"dev": {**environments()["dev"], "workflows": workflows}})
    setup(app)
    dev = account(app).stacks["tagship-hello-dev"].parameters
    assert (dev["ShipWorkflows"], dev["RollbackWorkflows"]) == ("", "none")
    assert dev["VerifyWorkflows"].count(",") == 1


def test_more_workflows_than_a_role_can_trust_are_refused_before_anything_is_made(make: Make) -> None:
    workflows = {"ship": [f"deploy-{number}.yml@refs/heads/main" for number in range(40)]}
    app = make(environments={"dev": {**environments()["dev"], "workflows": workflows}})
    with pytest.raises(SettingsError, match=r"workflows\.ship names 40 workflows, which no role on AWS can trust"):
        setup(app)
    assert account(app).done == []


def test_an_environment_of_github_is_made_before_its_variables(make: Make) -> None:
    app = make()
    setup(app)
    for name in ("dev", "dev-cleanup"):
        lines = [line for line in app.screen.lines if f"/{name} -F" in line or f"--env {name} " in line]
        assert lines[0].startswith("gh api -X PUT ")
        assert len(lines) > 2


def test_roles_trust_tags_with_the_prefix_and_github_lets_no_others_in(make: Make) -> None:
    app = make(tags={"prefix": "api-"})
    setup(app, yes=True)
    trusted = account(app).stacks["tagship-hello-dev"].parameters["ShipWorkflows"]
    assert trusted.endswith("/deploy-dev.yml@refs/tags/api-*-dev")
    assert any("name='api-*-dev'" in line or "name=api-*-dev" in line for line in app.screen.lines), app.screen.lines


def test_apps_of_one_repository_have_a_variable_each_for_their_roles(make: Make) -> None:
    app = make(tags={"prefix": "api-"})
    app.given["repository"].folder = "services/api"
    setup(app, yes=True)
    text = "\n".join(app.screen.lines)
    for job in ("", "NOTIFY_", "ROLLBACK_", "VERIFY_", "CLEANUP_"):
        assert f"gh variable set AWS_{job}ROLE_ARN_HELLO --env" in text
    trusted = account(app).stacks["tagship-hello-dev"].parameters["RollbackWorkflows"]
    assert trusted.endswith("/workflows/hello-rollback.yml@refs/heads/main")
    assert "gh variable set AWS_ROLE_ARN " not in text


HERE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"
NAMED = {
    "api": {
        "repository": f"{HERE}/api",
        "moving_tags": ["latest-{environment}"],
    },
    "worker": {"repository": f"{HERE}/worker"},
    "far": {"repository": "210987654321.dkr.ecr.us-east-1.amazonaws.com/shop/far"},
    "west": {"repository": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/west"},
    "other": {"repository": "ghcr.io/acme/other"},
}


def named(make: Make, account: FakeFoundation | None = None, names: Sequence[str] = tuple(NAMED)) -> FakeApp:
    services = {"web": {"images": {name: name for name in names}}}
    environments = {env: {"branch": env, "ecs": {"cluster": env, "services": services}} for env in ("dev", "prod")}
    return make(account, images={name: NAMED[name] for name in names}, environments=environments)


def made_repositories(app: FakeApp) -> dict[str, list[str]]:
    """The repositories of the app's stack, with the tags that may move in each."""
    stack = account(app).stacks["tagship-hello"]
    blocks = re.findall(r"^  Images[0-9a-f]{8}:\n(?: {4}.*\n)+", stack.template, re.MULTILINE)
    found = {}
    for block in blocks:
        assert "Condition:" not in block
        assert "DeletionPolicy: RetainExceptOnCreate" in block
        assert "IMMUTABLE_WITH_EXCLUSION" in block
        assert "ScanOnPush: true" in block
        assert "layers of pushes that were cut short" in block
        [name] = re.findall(r'RepositoryName: "(.*)"', block)
        found[name] = re.findall(r"FilterValue: \"?([^\"\n]*)", block)
    assert stack.parameters["NamedRepositories"] == ",".join(sorted(found))
    return found


def test_named_images_get_repositories_in_this_account_and_region(make: Make) -> None:
    app = named(make)
    setup(app)
    assert made_repositories(app) == {"shop/api": ["cache-*", "latest-dev", "latest-prod"], "shop/worker": ["cache-*"]}
    before = list(account(app).done)
    assert [change.word for change in setup(app).changes if change.kind == "stack"] == ["keep", "keep", "keep"]
    assert account(app).done == before


def test_a_named_images_repository_that_was_there_before_is_left_alone(make: Make) -> None:
    foundation = FakeFoundation()
    foundation.repositories.add("shop/worker")
    app = named(make, foundation)
    setup(app)
    assert list(made_repositories(app)) == ["shop/api"]


def test_what_the_stack_made_stays_part_of_it(make: Make) -> None:
    app = named(make, names=["api", "worker"])
    setup(app)
    account(app).repositories |= {"shop/api", "shop/worker"}
    setup(app)
    assert list(made_repositories(app)) == ["shop/api", "shop/worker"]
