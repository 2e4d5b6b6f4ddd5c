"""What a new kind of target costs: the toy kind is added to a copy of the house, and the verbs are run over it."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MOST = 10  # lines outside the kind's own files
OWN = {"settings/files.py", "adapters/targets/files.py"}
SETTINGS = '''"""Files on this disk: the table of the toy kind."""

from tagship.settings.kind import Kind


class Files(Kind):
    """[environments.<name>.files]: folders under the repository."""

    table = "files"
'''
LINES = {  # all that the rest of the house is told of it: file -> (where, what is put there)
    "settings/kinds.py": [
        ("from tagship.settings.kind import Kind\n", "from tagship.settings.files import Files\n{}"),
        ("= (Ec2, Lambda, Ecs, Asg)", "= (Ec2, Lambda, Ecs, Asg, Files)"),
    ],
    "adapters/targets/__init__.py": [('    "ec2":', '    "files": "tagship.adapters.targets.files",\n{}')],
}
SCRIPT = """
import json, sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from tagship.adapters.targets import connect
from tagship.errors import TagshipError
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.user_data import user_data
from tagship.verbs.verify import verify
from tests.fakes.app import FakeApp, settings

@dataclass
class DiskApp(FakeApp):
    aws: Any = None
    def target(self, environment):
        return connect(self, environment)

root = Path(sys.argv[1])
app = DiskApp(settings=settings(environments={"dev": {"branch": "dev", "files": {}}}), root=root)
for name in ("one", "two"):
    (root / "dev/units" / name).mkdir(parents=True)
for version, answer in (("0.1.0-dev", "0.1.0-dev"), ("0.1.1-dev", "0.1.1-dev"), ("0.1.2-dev", "an impostor")):
    app.publish(version)
    (root / "dev/artifacts" / version).mkdir(parents=True)
    (root / "dev/artifacts" / version / "app").write_text(answer)

def done(act, **given):
    try:
        return act(app, **given).state
    except TagshipError as reason:
        return [reason.exit_code, reason.what, reason.state]

said = {
    "deploy": [done(deploy, artifact="0.1.0-dev"), done(deploy, artifact="0.1.1-dev")],
    "again": done(deploy, artifact="0.1.1-dev"),
    "fails": done(deploy, artifact="0.1.2-dev"),
    "verify": len(verify(app, artifact="0.1.1-dev").units),
    "rollback": done(rollback, to="0.1.0-dev"),
    "runs": [unit.runs for unit in status(app, env="dev")[0].units],
}
(root / "dev/units/two/app").write_text("0.1.1-dev")
said["drift"] = [unit.drift for unit in status(app, env="dev")[0].units]
said["heal"] = done(heal, env="dev")
said["healed"] = [unit.runs for unit in status(app, env="dev")[0].units]
said["user data"] = done(user_data, env="dev")
said["lines"] = app.screen.lines
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of tagship with the toy kind in it."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "tagship", copy / "tagship", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tagship/settings/files.py").write_text(SETTINGS)
    shutil.copy(ROOT / "tests/contract/files_kind.py", copy / "tagship/adapters/targets/files.py")
    for name, edits in LINES.items():
        path = copy / "tagship" / name
        text = path.read_text("utf-8")
        for where, new in edits:
            assert text.count(where) == 1, (name, where)
            text = text.replace(where, new.format(where))
        path.write_text(text, "utf-8")
    return copy


@pytest.fixture(scope="module")
def said(house: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the verbs did with it, in a process that has the copy."""
    place = str(tmp_path_factory.mktemp("disk"))
    env = {**os.environ, "PYTHONPATH": f"{house}{os.pathsep}{ROOT}"}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, place], cwd=place, env=env, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_rest_of_the_house_needs_few_lines_for_it(house: Path) -> None:
    changed = {}
    for path in sorted((house / "tagship").rglob("*.py")):
        name = path.relative_to(house / "tagship").as_posix()
        before = ROOT / "tagship" / name
        old = before.read_text("utf-8").splitlines() if before.exists() else []
        diff = list(difflib.unified_diff(old, path.read_text("utf-8").splitlines(), n=0, lineterm=""))[2:]
        changed[name] = sum(line.startswith("+") for line in diff)
    assert {name for name, lines in changed.items() if lines} == OWN | set(LINES)
    stand = 1  # its line in STANDS, by which the contract is held to it
    assert stand + sum(lines for name, lines in changed.items() if name not in OWN) <= MOST


def test_it_is_deployed_rolled_back_looked_at_and_healed_by_the_verbs_as_they_are(said: dict[str, Any]) -> None:
    assert said["deploy"] == ["healthy", "healthy"]
    assert said["again"] == "unchanged"
    assert said["verify"] == 2
    assert said["rollback"] == "healthy"
    assert said["runs"] == ["0.1.0-dev"] * 2
    assert said["drift"] == ["", "0.1.1-dev is marked bad; the ledger says 0.1.0-dev"]
    assert (said["heal"], said["healed"]) == ("healthy", ["0.1.0-dev"] * 2)


def test_a_version_that_lies_fails_and_the_one_before_serves(said: dict[str, Any]) -> None:
    code, what, state = said["fails"]
    assert (code, state) == (6, "0.1.1-dev is serving.")
    assert "one, two: it answered as an impostor" in what


def test_it_is_called_by_its_own_noun(said: dict[str, Any]) -> None:
    assert "0.1.1-dev serves on all 2 folders of dev" in said["lines"]
    assert not [line for line in said["lines"] if "host" in line]


def test_what_only_some_kinds_can_do_is_refused_in_plain_words(said: dict[str, Any]) -> None:
    assert said["user data"][:2] == [2, "dev has no hosts that boot: it needs no user data."]
