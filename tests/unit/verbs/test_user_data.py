"""user-data: what is rendered for which environment, and what is refused."""

from __future__ import annotations

import gzip
import random
import shutil
from pathlib import Path

import pytest

from tagship.adapters.targets.ec2.target import Ec2Target, connect
from tagship.domain.ec2.userdata import LIMIT
from tagship.engine.pinning import to_pin
from tagship.errors import ArtifactMissing, Refused, SettingsError, UsageError
from tagship.verbs.user_data import user_data
from tests.fakes.app import FakeApp, environments, settings

ROOT = Path(__file__).parents[3]


class Ec2App(FakeApp):
    """With the real target: what it renders asks no AWS."""

    aws = None

    def target(self, environment: str) -> Ec2Target:  # type: ignore[override]
        return connect(self, environment)


@pytest.fixture
def app(tmp_path: Path) -> FakeApp:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    return Ec2App(root=tmp_path)


def header(script: str) -> str:
    return next(line for line in script.splitlines() if line.startswith("export APP="))


def test_the_header_says_where_and_what(app: FakeApp) -> None:
    script = user_data(app, env="dev").script
    assert header(script) == (
        "export APP=hello ENVIRONMENT=dev DEPLOYMENT_BUCKET=hello-artifacts REGION=us-east-1 "
        "NEEDS='' ALLOW_UNSIGNED=false "
        "NUMBERS=KEEP=3,DRAIN=5,TIMEOUT=900,HEALTH_ATTEMPTS=15,HEALTH_ATTEMPTS_AFTER_ROLLBACK=5,"
        "HEALTH_PASSES=2,HEALTH_TIMEOUT=3,HEALTH_CAP=60 REVOKED='' ATTESTED=false"
    )
    assert to_pin(app, "dev").keys in script
    assert 'export DEPLOYMENT_KEY="${DEPLOYMENT_KEY-}"' in script


def test_without_host_files_of_its_own_a_repository_has_the_script_of_tagship(app: FakeApp, tmp_path: Path) -> None:
    other = tmp_path / "without"
    other.mkdir()
    assert user_data(Ec2App(root=other), env="dev").raw == user_data(app, env="dev").raw


def test_a_host_of_docker_under_systemd_needs_both_programs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    dev = environments(ec2={"runtime": "docker", "manager": "systemd"}, image={"repository": "r/hello"})
    app = Ec2App(settings=settings(environments=dev), root=tmp_path)
    assert "NEEDS='docker haproxy'" in header(user_data(app, env="dev").script)


def test_an_artifact_is_pinned_by_its_key_if_it_is_there(app: FakeApp) -> None:
    app.publish("0.1.30-dev")
    script = user_data(app, env="dev", artifact="0.1.30-dev").script
    assert "export DEPLOYMENT_KEY=hello/dev/0.1.30-dev/deploy-bundle.tar.gz" in script
    with pytest.raises(ArtifactMissing):
        user_data(app, env="dev", artifact="0.1.31-dev")


def test_hosts_of_an_environment_that_takes_unsigned_artifacts_are_told_so_with_a_warning(app: FakeApp) -> None:
    app.settings = settings(environments=environments(allow_unsigned=True))
    script = user_data(app, env="dev").script
    assert "ALLOW_UNSIGNED=true" in header(script)
    assert to_pin(app, "dev").keys in script
    assert app.screen.warnings == [
        "UNSIGNED: new hosts of dev will run unsigned artifacts, old bundles too (allow_unsigned)"
    ]


def test_without_a_key_none_is_pinned(app: FakeApp) -> None:
    app.settings = settings(environments=environments(allow_unsigned=True), signing=None)
    assert "export KEYS=''\n" in user_data(app, env="dev").script


def test_an_environment_that_there_is_not_is_refused(app: FakeApp) -> None:
    with pytest.raises(SettingsError):
        user_data(app, env="staging")


def test_it_is_written_to_a_file_and_compressed_where_asked_for(app: FakeApp) -> None:
    path = app.root / "out.gz"
    rendered = user_data(app, env="dev", compress=True, output=str(path))
    assert gzip.decompress(path.read_bytes()).decode() == rendered.script
    assert rendered.as_data()["bytes"] == path.stat().st_size
    with pytest.raises(UsageError, match="can't be printed"):
        user_data(app, env="dev", compress=True)


def _noise(characters: int) -> str:
    letters = random.Random(1).choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=characters)
    return f": {''.join(letters)}\n"


def test_one_that_is_too_large_is_refused_with_what_would_fit(app: FakeApp) -> None:
    size = len(user_data(app, env="dev").script)
    with (app.root / "deploy/user_data.sh").open("a") as file:
        file.write(_noise(LIMIT - size + 200))
    with pytest.raises(Refused) as caught:
        user_data(app, env="dev")
    assert f"EC2 takes {LIMIT:,}" in caught.value.what
    assert "inv user-data --env dev --compress --output user-data.gz" in caught.value.remedy
    assert len(user_data(app, env="dev", compress=True, output=str(app.root / "o")).raw) <= LIMIT


def test_one_that_is_too_large_even_so_is_refused_with_what_to_shorten(app: FakeApp) -> None:
    with (app.root / "deploy/user_data.sh").open("a") as file:
        file.write(_noise(3 * LIMIT))
    with pytest.raises(Refused) as caught:
        user_data(app, env="dev")
    assert "Shorten deploy/user_data.sh" in caught.value.remedy
