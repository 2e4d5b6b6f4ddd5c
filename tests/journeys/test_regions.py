"""Two regions of one environment in the sandbox: hosts, a bucket each, one ledger; and one region that is lost."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.errors import TagshipError
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.deploy import deploy
from tagship.verbs.setup import setup
from tests.journeys.test_promote import TAGSHIP, typed
from tests.sandbox import shop
from tests.sandbox.conftest import client, start
from tests.sandbox.shop import Shop

HOME, FAR = "us-east-1", "eu-west-1"
LEFT = f"what setup made for dev in {FAR} is there still"
REGIONS = f'regions = ["{HOME}", "{FAR}"]\naws.bucket = "hello-dev-{{region}}"\n'


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.make(tmp_path_factory.mktemp("regions"), ["dev"], {"dev": REGIONS})


def test_a_version_goes_through_both_regions_and_back(root: Path) -> None:
    running = start(root)
    try:
        dev = Shop(root, running, "dev")
        first, second = dev.publish("0.1.0"), dev.publish("0.1.1")
        shown = typed(root, "deploy", "--version", first)
        assert dev.serving() == [first] * 2
        assert shown.index(f"changing {HOME}/") < shown.index(f"changing {FAR}/")
        typed(root, "deploy", "--version", second)
        assert dev.serving() == [second] * 2

        _bytes_are_equal(root, second)
        keys = [row["Key"] for row in _list(running, FAR)]
        assert not [key for key in keys if "/_ledger/" in key or "/_lease/" in key]

        typed(root, "rollback", "--to", first)
        assert dev.serving() == [first] * 2
        status = typed(root, "status")
        assert re.findall(r"^(\S+)/hello-dev-1 ", status, re.MULTILINE) == [HOME, FAR]

        bad = dev.publish("0.1.2", fault="error")
        failed = typed(root, "deploy", "--version", bad, code=6)
        assert f"{HOME}/hello-dev-1" in failed
        assert dev.serving() == [first] * 2
        assert f"changing {FAR}/" not in failed

        _a_lost_region_is_named(root, dev, second)
        typed(root, "heal", "--env", "dev")
        typed(root, "deploy", "--version", second, "--allow-bad")
        assert dev.serving() == [second] * 2
        verified = typed(root, "verify", "--env", "dev")
        assert all(f"{name}: 1 of 1 host answered" in verified for name in (HOME, FAR))
        assert f"{FAR}: 1 of 1 host answered" in typed(root, "drill", "--env", "dev", "--to", first)
        assert FAR in typed(root, "logs", "--env", "dev")
        _copies_are_cleaned_up_too(root, first)
    finally:
        lifecycle.down(root)


def _bytes_are_equal(root: Path, version: str) -> None:
    home, far = bootstrap.app(root).regions("dev")
    prefix = layout.artifact("hello", "dev", version, "")
    both = [{entry.key: app.bucket.head(entry.key) for entry in app.bucket.list(prefix)} for app in (home, far)]
    assert {key: head.sha256 for key, head in both[0].items() if head} == {
        key: head.sha256 for key, head in both[1].items() if head
    }
    assert set(both[0]) == set(both[1]) >= {f"{prefix}manifest.json", f"{prefix}manifest.sig"}


def _list(running, region):  # type: ignore[no-untyped-def]
    return client(running, "s3").list_objects_v2(Bucket=f"hello-dev-{region}")["Contents"]


def _copies_are_cleaned_up_too(root: Path, version: str) -> None:
    app = bootstrap.app(root)
    prefix = layout.artifact("hello", "dev", version, "")
    assert app.store.delete_all([entry.key for entry in app.store.list(prefix)]) == {}
    assert [list(region.bucket.list(prefix)) for region in app.regions("dev")] == [[], []]


def _a_lost_region_is_named(root: Path, dev: Shop, version: str) -> None:
    app = bootstrap.app(root)
    _, far = app.regions("dev")
    vars(far)["aws"] = replace(far.aws, endpoint="http://127.0.0.1:9", attempts=1, patience=1, _sessions=[])
    before = dev.serving()
    with pytest.raises(TagshipError) as raised:
        deploy(app, artifact=version, allow_bad=True)
    assert FAR in str(raised.value) + raised.value.state + raised.value.evidence
    assert dev.serving() == before


def test_setup_makes_both_regions_from_nothing_and_takes_them_away(tmp_path: Path) -> None:
    """What the sandbox had made before is taken away first, so that what is used is what setup made."""
    root = shop.make(tmp_path / "shop", ["dev"], {"dev": REGIONS})
    running = start(root)
    try:
        _emptied(running)
        made, _ = json.JSONDecoder().raw_decode(typed(root, "setup", "--json"))
        assert {row["name"]: row["change"] for row in made["changes"] if FAR in row["name"]} == {
            f"{name} (region {FAR})": "make"
            for name in ("tagship-hello-dev", "tagship-deploy", "tagship-deploy-status")
        }
        assert "nothing to do" in typed(root, "setup")
        s3 = client(running, "s3")
        for region in (HOME, FAR):
            assert s3.get_bucket_versioning(Bucket=f"hello-dev-{region}")["Status"] == "Enabled"
            assert all(
                s3.get_public_access_block(Bucket=f"hello-dev-{region}")["PublicAccessBlockConfiguration"].values()
            )
        policies = [json.loads(s3.get_bucket_policy(Bucket=f"hello-dev-{region}")["Policy"]) for region in (HOME, FAR)]
        sids = [[statement["Sid"] for statement in policy["Statement"]] for policy in policies]
        assert sids[0] == sids[1]
        for region in (HOME, FAR):
            s3.delete_bucket_policy(Bucket=f"hello-dev-{region}")  # the sandbox takes conditions for not met

        dev = Shop(root, running, "dev")
        version = dev.publish("0.1.0")
        typed(root, "deploy", "--version", version)
        assert dev.serving() == [version] * 2
        app = _as_an_account(root)
        roles = _attached(running)
        assert any("eu-west-1" in json.dumps(document) for document in roles)
        removed = setup(app, remove=True, env="dev", yes=True)
        assert next(iter(removed.removed)) == f"stack tagship-hello-dev (region {FAR})"
        assert _stacks(app) == [[], []]
        assert dev.serving() == [version] * 2
    finally:
        lifecycle.down(root)


def test_a_region_that_was_taken_out_is_named_and_goes_by_the_command_that_is_printed(tmp_path: Path) -> None:
    root = shop.make(tmp_path / "shop", ["dev"], {"dev": REGIONS})
    running = start(root)
    try:
        typed(root, "setup")
        assert LEFT not in doctor(root)
        file = root / "tagship.toml"
        refused = typed(root, "setup", "--remove", "--env", "dev", "--region", FAR, "--yes", code=2)
        assert f"Take {FAR} out of environments.dev.regions" in refused
        text = file.read_text("utf-8")
        file.write_text(text.replace(f'["{HOME}", "{FAR}"]', f'["{HOME}"]'), "utf-8")
        said = doctor(root)
        assert LEFT in said
        [command] = re.findall(r"(setup --remove --env dev --region \S+)", said)
        assert "remove stack tagship-hello-dev" in typed(root, *command.split(), "--dry-run")
        shown = typed(root, *command.split(), "--yes")
        assert "stack tagship-hello-dev: removed" in shown
        stacks = {
            region: client(running, "cloudformation", region=region).describe_stacks()["Stacks"]
            for region in (HOME, FAR)
        }
        assert [row["StackName"] for row in stacks[FAR]] == []
        assert "tagship-hello-dev" in {row["StackName"] for row in stacks[HOME]}
        client(running, "s3").head_bucket(Bucket=f"hello-dev-{FAR}")
        assert LEFT not in doctor(root)
        assert "nothing to remove" in typed(root, *command.split(), "--yes")
        assert "nothing to do" in typed(root, "setup")
    finally:
        lifecycle.down(root)


def doctor(root: Path) -> str:
    """What doctor says, once it was quick enough to hear of the regions: it gives up on what takes ten seconds."""
    for _ in range(20):
        done = subprocess.run([TAGSHIP, "doctor"], cwd=root, capture_output=True, text=True, check=False)
        said = " ".join((done.stdout + done.stderr).split())
        assert "Traceback" not in said, said
        if not re.search(r" regions (WARNING|FAILING) did not answer within", said):
            return said
    raise AssertionError(said)


def _emptied(running: Running) -> None:
    """Delete the buckets and documents that a sandbox begins with."""
    for region in (HOME, FAR):
        client(running, "s3").delete_bucket(Bucket=f"hello-dev-{region}")
        ssm = client(running, "ssm", region=region)
        for row in ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]:
            ssm.delete_document(Name=row["Name"])


def _as_an_account(root: Path) -> bootstrap.Wiring:
    """The app as if this were no sandbox: what setup made there is taken away, piece by piece."""
    app = bootstrap.app(root)
    made = replace(app, settings=app.settings.model_copy(update={"sandbox": False}))
    vars(made)["aws"] = app.aws
    for region, real in zip(made.regions("dev"), app.regions("dev"), strict=True):
        vars(region)["aws"] = real.aws
    for account, real in zip(made.accounts, app.accounts, strict=True):
        vars(account)["aws"] = real.aws
    return made


def _attached(running: Running) -> list[object]:
    """The documents of the managed policies of CI's role."""
    iam = client(running, "iam")
    [role] = [row["RoleName"] for row in iam.list_roles()["Roles"] if "-Ci-" in row["RoleName"]]
    policies = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return [
        iam.get_policy_version(PolicyArn=row["PolicyArn"], VersionId="v1")["PolicyVersion"]["Document"]
        for row in policies
    ]


def _stacks(app: bootstrap.Wiring) -> list[list[str]]:
    named = ("tagship-hello", "tagship-hello-dev")
    return [[name for name in named if region.foundation.stack(name)] for region in app.regions("dev")]
