"""What `publish` writes of secrets: the versions that are current, and never anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.domain.secrets import SECRETS_MANAGER, SSM, SecretRef
from tagship.errors import Refused, ServiceFailed
from tagship.release.secrets import resolved
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.secrets import FakeSecrets
from tests.unit.ci import VERSION, ci_app

ID = "a1b2c3d4-5678-90ab-cdef-000000000001"
SECRETS = {"parameter_store": "/hello/dev/", "secrets_manager": {"DB": "hello/db", "TOKEN": "hello/db#token"}}
STORED = {"/hello/dev/api-key": "3", "/hello/prod/api-key": "9"}


def kept(**secrets: Any) -> FakeApp:
    app = FakeApp(settings(environments=environments(secrets={**SECRETS, **secrets})))
    app.given["secrets"] = FakeSecrets(dict(STORED), {"hello/db": ID})
    return app


def test_every_secret_is_resolved_to_the_version_that_is_current() -> None:
    assert resolved(kept(), "dev") == {
        "API_KEY": SecretRef(SSM, "/hello/dev/api-key", "3"),
        "DB": SecretRef(SECRETS_MANAGER, "hello/db", ID),
        "TOKEN": SecretRef(SECRETS_MANAGER, "hello/db", ID, "token"),
    }


def test_an_environment_without_secrets_asks_nobody() -> None:
    assert resolved(FakeApp(), "dev") == {}


def test_a_path_without_parameters_is_refused() -> None:
    with pytest.raises(Refused, match="no parameter below /hello/nowhere/") as caught:
        resolved(kept(parameter_store="/hello/nowhere/"), "dev")
    assert "environments.dev.secrets.parameter_store" in caught.value.remedy
    command = "aws ssm put-parameter --type SecureString --name /hello/nowhere/NAME --value file://value.txt --region"
    assert f"Put one there, its value in a file (or file:///dev/stdin): {command}" in caught.value.remedy


def test_in_a_sandbox_its_own_command_puts_one_there() -> None:
    app = FakeApp(settings(sandbox=True, environments=environments(secrets={"parameter_store": "/hello/nowhere/"})))
    app.given["secrets"] = FakeSecrets(dict(STORED), {})
    with pytest.raises(Refused) as caught:
        resolved(app, "dev")
    assert caught.value.remedy.startswith("Put one there: inv sandbox secret NAME=value\n")


def test_a_secret_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="The secret hello/other does not exist"):
        resolved(kept(secrets_manager={"DB": "hello/other"}), "dev")


def test_two_secrets_of_one_variable_are_refused() -> None:
    with pytest.raises(Refused, match="hello/db would be the variable API_KEY, and so is /hello/dev/api-key"):
        resolved(kept(secrets_manager={"API_KEY": "hello/db"}), "dev")


def test_a_version_that_no_host_would_take_is_the_services_failure() -> None:
    app = kept()
    app.given["secrets"].managed["hello/db"] = "$(id)"
    with pytest.raises(ServiceFailed, match="that no host accepts"):
        resolved(app, "dev")


def built(root: Path) -> FakeApp:
    app = ci_app(root, environments=environments(secrets=SECRETS))
    app.given["secrets"] = FakeSecrets(dict(STORED), {"hello/db": ID})
    bundle(app, artifact=VERSION)
    return app


def test_the_manifest_has_them_and_the_run_says_which(tmp_path: Path) -> None:
    app = built(tmp_path)
    manifest = publish(app, artifact=VERSION)
    assert manifest is not None
    assert manifest.secrets == resolved(app, "dev")
    assert "secret API_KEY: /hello/dev/api-key, version 3" in app.screen.lines


def test_a_secret_that_changes_later_changes_nothing_that_is_published(tmp_path: Path) -> None:
    app = built(tmp_path)
    first = publish(app, artifact=VERSION)
    app.given["secrets"].stored["/hello/dev/api-key"] = "4"
    assert publish(app, artifact=VERSION) == first


def test_a_secret_that_changed_after_a_publish_that_died_is_refused(tmp_path: Path) -> None:
    app = built(tmp_path)
    publish(app, artifact=VERSION)
    del app.store.objects[f"hello/dev/{VERSION}/manifest.json"]
    app.given["secrets"].stored["/hello/dev/api-key"] = "4"
    with pytest.raises(Refused, match="a secret or the key has changed since") as caught:
        publish(app, artifact=VERSION)
    assert caught.value.remedy == "Ship under the next number: inv deploy-dev"


def test_a_missing_secret_stops_publish_before_anything_is_put(tmp_path: Path) -> None:
    app = built(tmp_path)
    app.given["secrets"].managed.clear()
    with pytest.raises(Refused):
        publish(app, artifact=VERSION)
    assert app.store.writes == []
