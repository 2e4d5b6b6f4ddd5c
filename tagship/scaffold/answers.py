"""What `init` writes by: flags first, then what the person says, then what was found."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tagship.domain import commands
from tagship.domain.forge import repository_of
from tagship.errors import UsageError
from tagship.ports.people import Prompt
from tagship.scaffold.look import Scene
from tagship.settings import FILE

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
ACCOUNT = "123456789012"  # AWS's own example: nobody's
UNSHIPPED = {
    ".github", "deploy", "docs", "test", "tests", "spec", "tagship.toml", "tagship.mk", "tasks.py", "vendor", "infra",
    "terraform", "LICENSE", "node_modules", "venv", "tagship.txt", "tagship-sandbox.txt", "tagship-source.txt",
}  # fmt: skip
UNSHIPPED_ENDS = (".md", ".rst", "file", ".yml", ".yaml", ".mk", ".pub.pem")  # README.md, Makefile, Dockerfile


@dataclass(frozen=True)
class Blueprint:
    """What the files are written by."""

    app: str
    env: str
    branch: str
    runtime: str  # process | docker
    kind: str  # service | job
    command: str
    include: str
    image: str
    health: str
    bucket: str
    region: str
    build: str
    built: str


@dataclass(frozen=True)
class Enquiry:
    """A question, its flag, and what was found.

    `fault` says what is wrong with an answer.
    """

    flag: str
    text: str
    found: str
    fault: Callable[[str], str] = lambda _: ""
    asked: bool = True  # False: the flag alone changes it


def settle(scene: Scene, given: Mapping[str, str], prompt: Prompt | None) -> Blueprint:
    """Settle what is written; without `prompt`, nothing is asked.

    Nor is it if there is a tagship.toml, which has the answers. Raises UsageError for what nothing says.
    """
    if scene.settled:
        _require_unsaid(given)
    values: dict[str, str] = {}
    for question in _questions(scene, values):
        flag = given.get(question.flag, "")
        values[question.flag] = flag or question.found if scene.settled else _answer(question, flag, prompt)
    return Blueprint(**values)


def _require_unsaid(given: Mapping[str, str]) -> None:
    """Raise UsageError for an answer that tagship.toml has already."""
    flag = next((flag for flag, text in given.items() if text and flag != "build"), "")
    if flag:
        raise UsageError(
            f"--{flag} is for a repository without a {FILE}, and this one has one.",
            remedy=f"Change it in {FILE}, then: {commands.init()}",
        )


def _answer(question: Enquiry, flag: str, prompt: Prompt | None) -> str:
    value = flag or question.found
    if not flag and prompt and question.asked:
        value = prompt.text(question.text, question.found, question.fault)
    if fault := question.fault(value):
        raise UsageError(f"--{question.flag}: {fault}.", remedy=f"Say it: {commands.init({question.flag: '…'})}")
    return value


def _questions(scene: Scene, values: Mapping[str, str]) -> Iterator[Enquiry]:
    """Yield the questions; each may depend on the answers before it."""
    yield Enquiry("app", "The app's name", _name(scene), _fault_of_name)
    yield Enquiry("env", "The environment", "dev", _fault_of_name, asked=False)
    env = values["env"]
    branch = env if env in scene.git.branches else scene.default_branch
    yield Enquiry("branch", f"The branch that {env} ships from", branch, _needed)
    runtime = "docker" if scene.dockerfile else "process"
    yield Enquiry("runtime", "Runs as (process, docker)", runtime, _choice("process", "docker"))
    yield Enquiry("kind", "It is a (service, job)", "service", _choice("service", "job"))
    contained = values["runtime"] == "docker"
    command = Enquiry("command", "The command that starts it", shlex.join(scene.command), _fault_of_command)
    of_image = Enquiry("command", "", "", _none("an image has its own command"), asked=False)
    yield of_image if contained else command
    yield Enquiry("include", "", "" if contained else ",".join(_shipped(scene)), asked=False)
    yield Enquiry("build", "", "", asked=False)
    yield Enquiry("built", "", "", asked=False)
    yield Enquiry("region", "", next(iter(scene.regions), "us-east-1"), asked=False)
    image = f"{ACCOUNT}.dkr.ecr.{values['region']}.amazonaws.com/{values['app']}"
    images = Enquiry("image", "The repository of its images", next(iter(scene.images), image), _needed)
    yield images if contained else Enquiry("image", "", "", _none("is for runtime docker"), asked=False)
    health = Enquiry("health", "The path of its health check", scene.health or "/healthz", _needed)
    yield health if values["kind"] == "service" else Enquiry("health", "", "", _none("a job has none"), asked=False)
    yield Enquiry("bucket", "The bucket for its artifacts", f"{values['app']}-artifacts", _needed, asked=False)


def _name(scene: Scene) -> str:
    """Guess the app's name: by its remote, its package, or its folder."""
    url = scene.git.remotes.get(scene.remote, "")
    home = repository_of(url)
    names = [home[1].rpartition("/")[2] if home else "", scene.project.get("name"), scene.package.get("name")]
    names.append(scene.root.name)
    cleaned = (re.sub(r"[^a-z0-9]+", "-", str(name or "").lower()).strip("-")[:40].strip("-") for name in names)
    return next((name for name in cleaned if name), "app")


def _shipped(scene: Scene) -> list[str]:
    """List what Git has at the top and hosts need."""
    top = dict.fromkeys(path.partition("/")[0] for path in scene.git.files)
    return [name for name in top if not (name in UNSHIPPED or name.startswith(".") or name.endswith(UNSHIPPED_ENDS))]


def _needed(text: str) -> str:
    return "" if text.strip() else "nothing says it"


def _none(reason: str) -> Callable[[str], str]:
    return lambda text: reason if text else ""


def _fault_of_name(text: str) -> str:
    return "" if NAME.fullmatch(text) else "use small letters, digits and hyphens"


def _fault_of_command(text: str) -> str:
    if not text.strip():
        return "nothing in this repository says what starts the app"
    try:
        return "" if shlex.split(text) else "it is empty"
    except ValueError as reason:
        return f"{reason}".lower()


def _choice(*choices: str) -> Callable[[str], str]:
    return lambda text: "" if text in choices else f"use {' or '.join(choices)}"
