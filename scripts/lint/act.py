"""Our workflow and the one of `init`, run by act, an independent reader of them: python -m scripts.lint.act ACT

Every workflow is listed and validated, and so is each that any choice of a team leads `init` to (generated.py). Then a
tag's jobs `validate`, `build` and `ship` run for real, one after the other, each in a workspace of its own, and publish
and deploy to a sandbox. act fetches nothing: published actions are stood for by those below, and Python's is the
sandbox's (environments.py), whose packages come by the lock.
Left out: `notify`, which asks GitHub for a run that only act knows, and the jobs of ci.yml, which are the tests.
act 0.2.89 does not know `concurrency.queue`: it reads a copy without that line.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.lint.generated import write

TOP = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TAG = "0.9.0-dev"
USES = re.compile(r"uses: ([\w-]+/[\w-]+@[0-9a-f]{40})")
PYTHON = f"""\
{sys.executable} -c 'import os, sys; from pathlib import Path; sys.path.insert(0, "{TOP}")
from tagship.sandbox.actions import environments
home = Path(os.environ["SHARED"])
print(environments.tool(home / "python", home))' >>"$GITHUB_PATH"
"""
STANDS_FOR = {  # what each action does, with its inputs as variables
    "actions/setup-python": PYTHON,
    "actions/upload-artifact": 'mkdir -p "$HANDED" && cp -R "$IN_PATH" "$HANDED/$IN_NAME"',
    "actions/download-artifact": 'mkdir -p "$IN_PATH" && cp -R "$HANDED/$IN_NAME/." "$IN_PATH"',
    "aws-actions/configure-aws-credentials": 'test -n "$IN_AWS_REGION" || echo "vars.AWS_REGION is empty here"',
}
INPUTS = (
    "path", "name", "aws-region", "python-version", "include-hidden-files", "if-no-files-found", "retention-days",
    "role-to-assume", "role-session-name",
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """A repository with a sandbox, and act beside it."""

    act: str
    root: Path

    @property
    def sandbox(self) -> Path:
        return self.root / ".tagship/sandbox"

    @property
    def work(self) -> Path:
        return self.sandbox / "work"

    def run(self, where: Path, *command: str) -> str:
        """Run a command, shown; its output. SystemExit if it fails."""
        done = subprocess.run(command, cwd=where, env=self.environment(), text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        if done.returncode:
            sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def environment(self) -> dict[str, str]:
        gone = ("GITHUB_", "TAGSHIP_", "AWS_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(gone) and name != "CI"}
        home = self.sandbox / "act"
        return kept | {
            "PATH": f"{BIN}{os.pathsep}{kept['PATH']}",
            "XDG_CONFIG_HOME": str(home),
            "XDG_CACHE_HOME": str(home),
        }

    def read(self) -> None:
        """Have act list and validate every workflow."""
        print(self.run(self.work, self.act, "--list"), flush=True)
        self.validate(self.work)

    def validate(self, where: Path) -> int:
        """Have act validate each workflow of a folder; how many these are."""
        paths = sorted((where / ".github/workflows").glob("*.yml"))
        for path in paths:
            self.run(where, self.act, "--validate", "--workflows", str(path))
        return len(paths)

    def ship(self) -> None:
        """Have act run a tag's jobs, and look at what serves then."""
        home = self.sandbox / "act"
        (home / "event.json").write_text(json.dumps({"ref": f"refs/tags/{TAG}"}), "utf-8")
        given = [word for flag in self.stand_ins() for word in ("--local-repository", flag)]
        words = [
            "push",
            "--workflows",
            ".github/workflows/deploy-dev.yml",
            "--job",
            "ship",
            "--eventpath",
            str(home / "event.json"),
        ]
        words += [
            "--platform",
            "ubuntu-24.04=-self-hosted",
            "--no-cache-server",
            "--action-cache-path",
            str(home / "cache"),
        ]
        words += ["--env", f"HANDED={home / 'handed'}", "--env", f"SHARED={home / 'shared'}", *given]
        print(self.run(self.work, self.act, *words), flush=True)
        said = self.run(self.work, str(BIN / "tagship"), "status")
        if TAG not in said:
            sys.exit(f"act ran the jobs, and dev does not run {TAG}:\n{said}")

    def stand_ins(self) -> Iterator[str]:
        """Write an action in place of each that the workflows pin."""
        files = [*(self.work / ".github").rglob("*.yml")]
        for pinned in sorted({match for file in files for match in USES.findall(file.read_text("utf-8"))}):
            name = pinned.partition("@")[0]
            if name in STANDS_FOR:
                folder = self.sandbox / "act/actions" / name
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "action.yml").write_text(json.dumps(_action(name)), "utf-8")
                yield f"{pinned}={folder}"


def _action(name: str) -> Mapping[str, object]:
    env = {f"IN_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in INPUTS}
    step = {"shell": "bash", "run": STANDS_FOR[name], "env": env}
    return {
        "name": name,
        "inputs": {key: {"default": ""} for key in INPUTS},
        "runs": {"using": "composite", "steps": [step]},
    }


def ours(stage: Stage) -> None:
    """This repository, as it is committed."""
    stage.run(TOP, "git", "clone", "--quiet", str(TOP), str(stage.root))


def generated(stage: Stage) -> None:
    """A repository of somebody else's, after `tagship init`."""
    stage.root.mkdir()
    program = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1])"
    stage.run(TOP, sys.executable, "-c", program, str(stage.root.parent))
    [wheel] = stage.root.parent.glob("*.whl")
    for name in ("app.py", "hello.json"):
        shutil.copy(TOP / "examples/hello" / name, stage.root)
    stage.run(stage.root, "git", "init", "--quiet", "--initial-branch=main")
    stage.run(stage.root, "git", "add", ".")
    stage.run(stage.root, str(BIN / "tagship"), "init", "--yes", "--source", str(wheel))
    _commit(stage, stage.root, "Ship with tagship")


def _commit(stage: Stage, where: Path, subject: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    stage.run(where, "git", "add", ".")
    stage.run(where, "git", *who, "commit", "--quiet", "--message", subject)


def leave_out_what_act_does_not_know(where: Path) -> None:
    for path in (where / ".github/workflows").glob("*.yml"):
        path.write_text(re.sub(r"^ +queue: max\n", "", path.read_text("utf-8"), flags=re.M), "utf-8")


def tag(stage: Stage) -> None:
    """Push a tag that the sandbox's own runner does not see, of workflows that act can read."""
    leave_out_what_act_does_not_know(stage.work)
    _commit(stage, stage.work, "Leave out what act does not know")
    (stage.sandbox / "origin.git/hooks/post-receive").unlink()
    branch = stage.run(stage.work, "git", "branch", "--show-current").strip()
    stage.run(stage.work, "git", "tag", "--annotate", "--message", TAG, TAG)
    stage.run(stage.work, "git", "push", "--quiet", "origin", branch, TAG)


def every_variant(act: str) -> None:
    """Have act validate what any choice of a team leads `init` to. SystemExit with what act said, if it fails."""
    with TemporaryDirectory(prefix="act-") as folder:
        stage = Stage(act, Path(folder))
        write(stage.root)
        (stage.sandbox / "act/act").mkdir(parents=True)
        (stage.sandbox / "act/act/actrc").touch()
        stage.run(stage.root, "git", "init", "--quiet")
        leave_out_what_act_does_not_know(stage.root)
        print(f"-- {stage.validate(stage.root)} workflows that init may write", flush=True)


def main(act: str) -> None:
    """Run both. SystemExit with what act said, if it fails."""
    every_variant(act)
    for make in (ours, generated):
        with TemporaryDirectory(prefix="act-") as folder:
            stage = Stage(act, Path(folder) / "repository")
            make(stage)
            print(f"-- {make.__name__}", flush=True)
            stage.run(stage.root, str(BIN / "tagship"), "sandbox", "up")
            try:
                (stage.sandbox / "act/act").mkdir(parents=True)
                (stage.sandbox / "act/act/actrc").touch()  # without one it asks which images to take
                tag(stage)
                stage.read()
                stage.ship()
            finally:
                stage.run(stage.root, str(BIN / "tagship"), "sandbox", "down", "--yes")


if __name__ == "__main__":
    main(sys.argv[1])
