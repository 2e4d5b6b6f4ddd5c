"""doctor: each prerequisite by itself, all of them at once, and an exit code that a script can believe."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tagship import __version__
from tagship.domain.finding import failing, ok, warning
from tagship.errors import Refused, ServiceFailed
from tagship.ports.forge import Protection
from tagship.verbs import doctor as module
from tagship.verbs.doctor import Examined, doctor
from tagship.verbs.setup import setup
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.forge import FakeForge
from tests.fakes.foundation import FakeFoundation
from tests.fakes.repository import FakeRepository
from tests.fakes.terraform import FakeTerraform

ROOT = Path(__file__).parents[3]


@dataclass
class FakeMachine:
    versions: dict[str, str] = field(default_factory=lambda: {"git": "2.47.1", "docker": "29.1", "terraform": "1.12.2"})

    ran: list[str] = field(default_factory=list)
    does: Callable[[str], int] = lambda _: 0

    def version(self, tool: str) -> str:
        return self.versions.get(tool, "")

    def run_verb(self, command: str) -> int:
        self.ran.append(command)
        return self.does(command)


def healthy(root: Path, **changes: Any) -> FakeApp:
    """A repository whose account was set up, whose workflow is there, and whose GitHub environment is kept to tags."""
    shutil.copytree(ROOT / "deploy", root / "deploy")
    (root / ".github/workflows").mkdir(parents=True)
    (root / ".github/workflows/deploy-dev.yml").write_text("name: deploy-dev\n")
    values = {
        "signing": {"key": "kms:alias/hello-release", "public_key": "keys/release.pub.pem"},
        "ci": {"repository": "acme/hello"},
        **changes,
    }
    app = FakeApp(settings=settings(**values), root=root)
    forge = FakeForge()
    forge.gates["dev"] = Protection(("tag *-dev",))
    app.given |= {
        "foundation": FakeFoundation(),
        "machine": FakeMachine(),
        "forge": forge,
        "repository": FakeRepository(),
    }
    setup(app)
    app.screen.lines.clear()
    return app


def seen(app: FakeApp, about: str) -> tuple[str, str, str]:
    [found] = [each for each in doctor(app).findings if each.about == about]
    return found.state, found.words, found.fix


def test_all_is_well_where_all_is_there(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    examined = doctor(app)
    assert {each.about: each.state for each in examined.findings if each.state == "failing"} == {}
    examined.insist()
    looked = {each.about for each in examined.findings}
    assert {"git", "credentials", "clock", "bucket", "stack tagship-hello", "document tagship-deploy"} <= looked
    assert {
        f"dev: {about}" for about in ("workflow", "GitHub", "subject", "public keys", "hosts", "host room", "way back")
    } <= looked
    assert app.screen.lines[-1].endswith(" 0 failing")


def test_what_fails_is_exit_3_with_its_fix(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    (tmp_path / ".github/workflows/deploy-dev.yml").unlink()
    with pytest.raises(Refused, match=r"^1 of \d+ checks fail") as caught:
        doctor(app).insist()
    assert caught.value.exit_code == 3
    assert caught.value.remedy == "tagship init"


@pytest.mark.parametrize(
    ("versions", "about", "state", "words"),
    [
        ({}, "git", "failing", "not on PATH"),
        ({"git": "2.29.9"}, "git", "failing", "2.29.9 is older than 2.30"),
        ({"git": "2.30"}, "git", "ok", "2.30"),
    ],
)
def test_a_tool_that_is_missing_or_old_is_named(
    tmp_path: Path, versions: dict[str, str], about: str, state: str, words: str
) -> None:
    app = healthy(tmp_path)
    app.given["machine"] = FakeMachine(versions)
    assert seen(app, about)[:2] == (state, words)


def test_a_teams_own_pin_of_terraform_is_said_before_init_fails(tmp_path: Path) -> None:
    app = healthy(tmp_path, environments=environments(infra={"directory": "infra"}))
    app.given["infrastructure"] = FakeTerraform()
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra/main.tf").write_text('terraform {\n  required_version = "1.9.8"\n}\n')
    found = [each for each in doctor(app).findings if each.about == "terraform"]
    assert [(each.state, each.words) for each in found] == [
        ("ok", "1.12.2"),
        ("failing", "infra wants 1.9.8; here is 1.12.2: `terraform init` fails"),
    ]


@pytest.mark.parametrize(
    ("off", "state"), [(1, "ok"), (40, "warning"), (600, "failing"), (-600, "failing")], ids=["1", "40", "600", "-600"]
)
def test_a_clock_that_is_off_is_told_by_how_much(tmp_path: Path, off: int, state: str) -> None:
    app = healthy(tmp_path)
    now = app.clock.now()
    app.store.now = lambda: now + timedelta(seconds=off)  # type: ignore[method-assign]
    assert seen(app, "clock")[0] == state


@pytest.mark.parametrize(
    ("gate", "state", "words"),
    [
        (None, "failing", "has no environment dev: jobs get no role"),
        (Protection(), "failing", "any branch may use the environment dev"),
        (Protection(("branch *",)), "failing", "any branch may use the environment dev"),
        (Protection(("tag *-dev",)), "ok", "tag *-dev may use it; nobody has to approve"),
        (Protection(("tag *-dev",), reviewed=True), "ok", "tag *-dev may use it; somebody has to approve"),
    ],
)
def test_what_keeps_githubs_environment_is_looked_at(
    tmp_path: Path, gate: Protection | None, state: str, words: str
) -> None:
    app = healthy(tmp_path)
    gates = app.given["forge"].gates
    gates.pop("dev")
    gates |= {"dev": gate} if gate else {}
    assert seen(app, "dev: GitHub")[:2] == (state, words)


def test_a_branch_whose_workflows_are_there_has_to_be_let_into_githubs_environment(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    assert seen(app, "dev: GitHub")[0] == "ok", "there is no rollback.yml, which would run on main"
    (tmp_path / ".github/workflows/rollback.yml").touch()
    state, words, fix = seen(app, "dev: GitHub")
    wanted = "branch main may not use the environment dev: its workflows get no role there"
    assert (state, words) == ("failing", wanted)
    assert fix.endswith("-f type=branch -f name='main'")
    app.given["forge"].gates["dev"] = Protection(("tag *-dev", "branch main"))
    assert seen(app, "dev: GitHub")[0] == "ok"


def test_workflows_that_the_settings_name_have_to_be_there(tmp_path: Path) -> None:
    workflows = {"verify": ["hourly.yml@refs/heads/main"]}
    app = healthy(tmp_path, environments={"dev": {**environments()["dev"], "workflows": workflows}})
    findings = [each for each in doctor(app).findings if each.about == "dev: workflow"]
    assert [(each.state, each.words) for each in findings] == [
        ("failing", "there is no .github/workflows/hourly.yml, which environments.dev.workflows.verify names"),
        ("ok", ".github/workflows/deploy-dev.yml"),
    ]


def test_an_account_that_was_never_set_up_is_failing_with_setup(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    app.given["foundation"] = FakeFoundation(gaps=("it does not exist",))
    shutil.rmtree(tmp_path / "keys")
    found = {each.about: each for each in doctor(app).findings if each.state == "failing"}
    assert {"bucket", "stack tagship-hello", "stack tagship-hello-dev", "document tagship-deploy"} <= set(found)
    assert found["stack tagship-hello"].fix == "inv setup"


def test_a_sandbox_needs_no_stacks_and_no_github(tmp_path: Path) -> None:
    app = healthy(tmp_path, sandbox=True)
    app.given["foundation"] = FakeFoundation(gaps=("versioning is off",))
    app.given["foundation"].put_document("tagship-deploy", "{}")
    examined = doctor(app)
    examined.insist()
    found = {each.about: each.state for each in examined.findings}
    assert (found["bucket"], found["stack tagship-hello"]) == ("ok", "ok")
    assert "dev: GitHub" not in found


def test_an_ssm_document_of_another_tagship_is_said(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    app.given["foundation"].put_document("tagship-deploy", '{"schemaVersion": "2.2"}')
    assert seen(app, "document tagship-deploy") == ("warning", "differs from this tagship's", "inv setup --dry-run")


def test_hosts_that_cannot_be_reached_are_named(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    first = app.hosts.machines[0]
    app.hosts.machines[0] = type(first)(
        **{**vars(first), "unit": type(first.unit)(**{**vars(first.unit), "online": False})}
    )
    state, words, fix = seen(app, "dev: hosts")
    assert (state, fix) == ("warning" if len(app.hosts.machines) > 1 else "failing", "inv status --env dev")
    assert first.unit.name in words


def test_units_are_called_what_people_call_them(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    app.hosts.machines = [replace(each, unit=replace(each.unit, noun="function")) for each in app.hosts.machines]
    count = len(app.hosts.machines)
    assert seen(app, "dev: functions")[1].startswith(f"{count} function{'s' if count > 1 else ''} can be reached")


def test_a_check_that_fails_itself_is_failing_and_hides_no_other(tmp_path: Path) -> None:
    app = healthy(tmp_path)

    def silent(*_: object) -> None:
        raise ServiceFailed("AWS does not answer.", remedy="Try again.")

    app.given["foundation"].found = silent
    found = {each.about: each for each in doctor(app).findings}
    assert (found["account"].state, found["account"].words) == ("failing", "AWS does not answer.")
    assert found["git"].state == "ok"


def test_what_does_not_answer_in_time_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = healthy(tmp_path)
    monkeypatch.setattr(module, "WITHIN", 0.2)
    app.given["foundation"].bucket_gaps = lambda *_: time.sleep(1) or ()
    began = time.monotonic()
    assert seen(app, "bucket")[:2] == ("warning", "did not answer within 0 s")
    assert time.monotonic() - began < 0.9


def test_the_document_counts_what_fails() -> None:
    bad = failing("git", "not on PATH", "Install git 2.30 or later")
    document = Examined((ok("clock", "0.1 s off AWS's"), bad, warning("keys", "one for all"))).as_data()
    assert document["failing"] == 1
    assert document["findings"][1] == {
        "about": "git", "state": "failing", "words": "not on PATH", "fix": "Install git 2.30 or later", "safe": False
    }  # fmt: skip


@pytest.mark.parametrize(
    ("version", "state", "words"),
    [
        ("3.12.4", "ok", "3.12.4"),
        ("3.9.2", "warning", "python3: 3.9.2 is older than 3.11"),
        ("", "warning", "python3: not on PATH"),
    ],
)
def test_the_python_that_make_would_take_is_looked_at(tmp_path: Path, version: str, state: str, words: str) -> None:
    app = healthy(tmp_path)
    assert not [each for each in doctor(app).findings if each.about == "python"]
    (tmp_path / "tagship.mk").touch()
    app.given["machine"] = FakeMachine({"git": "2.47.1", **({"python3": version} if version else {})})
    assert seen(app, "python")[:2] == (state, words)
    assert "TAGSHIP_PYTHON=python3.12" in seen(app, "python")[2] or state == "ok"


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("tagship=={} \\", "ok"),
        ("./vendor/tagship-{}-py3-none-any.whl \\", "ok"),
        ("tagship==0.0.9 \\", "warning"),
        ("./vendor/tagship-0.0.9-py3-none-any.whl \\", "warning"),
    ],
)
def test_the_tagship_that_ci_installs_is_held_against_this_one(tmp_path: Path, line: str, state: str) -> None:
    app = healthy(tmp_path)
    assert not [each for each in doctor(app).findings if each.about == "tagship"]
    (tmp_path / "tagship.txt").write_text(f"# What CI installs.\n{line.format(__version__)}\n    --hash=sha256:0\n")
    found = seen(app, "tagship")
    assert found[0] == state
    if state == "warning":
        words = f"{__version__} here, and CI installs 0.0.9, by workflows of that version"
        assert found[1:] == (words, "tagship init --update")


def test_what_nobody_says_or_has_here_is_told_with_what_mends_it(tmp_path: Path) -> None:
    image = {"repository": "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"}
    ec2 = {"runtime": "docker", "manager": "systemd"}
    app = healthy(tmp_path, environments=environments(image=image, ec2=ec2))
    app.caller = ""
    app.given["machine"] = FakeMachine({"git": "2.47.1"})
    assert seen(app, "credentials") == (
        "failing", "AWS does not say whose they are", "aws sts get-caller-identity --region us-east-1"
    )  # fmt: skip
    assert seen(app, "docker") == ("warning", "not here: CI builds the images of dev", "Install Docker, to build here")


@pytest.mark.parametrize("gap", ["versioning is off", "anybody may read it"])
def test_a_bucket_that_keeps_too_little_or_is_open_is_failing(tmp_path: Path, gap: str) -> None:
    app = healthy(tmp_path)
    app.given["foundation"].gaps = (gap,)
    assert seen(app, "bucket") == ("failing", f"s3://hello-artifacts: {gap}", "inv setup --dry-run")


def test_an_environment_that_takes_what_nobody_signed_is_a_warning(tmp_path: Path) -> None:
    app = healthy(tmp_path, environments=environments(allow_unsigned=True))
    found = seen(app, "dev: public keys")
    told = "takes artifacts that nobody signed"
    assert found == ("warning", told, "Take allow_unsigned out of tagship.toml")


def test_a_workflow_that_no_tag_of_the_prefix_starts_is_failing(tmp_path: Path) -> None:
    app = healthy(tmp_path, tags={"prefix": "api-"})
    app.given["forge"].gates["dev"] = Protection(("tag api-*-dev",))
    file = tmp_path / ".github/workflows/deploy-dev.yml"
    for pattern, state in {"v*-dev": "failing", "[0-9]*-dev": "failing", "api-*-dev": "ok", "*-dev": "ok"}.items():
        file.write_text(f'on:\n  push:\n    tags:\n      - "{pattern}"\n')
        found = seen(app, "dev: workflow")
        assert found[0] == state, pattern
        if state == "failing":
            assert found[1].endswith(f"starts on {pattern}, and tags begin with api-")
            assert found[2] == "Write there, under on.push.tags: api-*-dev"


def test_the_workflow_of_an_app_in_a_folder_is_looked_for_at_the_top(tmp_path: Path) -> None:
    app = healthy(tmp_path / "services/api")
    (tmp_path / ".github").mkdir()
    (tmp_path / "services/api/.github/workflows").rename(tmp_path / ".github/workflows")
    assert seen(app, "dev: workflow")[0] == "failing"
    app.given["repository"].folder = "services/api"
    assert seen(app, "dev: workflow")[0] == "ok"
