"""What `init` writes by: flags first, then what the person says, then what was found."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from tagship.domain import commands
from tagship.domain.commands import BLANK
from tagship.domain.forge import repository_of
from tagship.domain.tagnames import PREFIX
from tagship.errors import UsageError
from tagship.ports.people import Prompt
from tagship.scaffold.look import Scene
from tagship.settings import FILE

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
RESOURCE = re.compile(r"[A-Za-z0-9_-]{1,64}")  # a cluster, a service, a function
KINDS = {
    "service": "service: on hosts, and answers over HTTP",
    "job": "job: on hosts, and ends",
    "ecs": "ecs: services of ECS",
    "lambda": "lambda: functions",
}
RUNTIMES = {"process": "process: files and a command", "docker": "docker: a container image"}
WITHOUT_HEALTH = {"job": "a job has none", "ecs": "a service of ECS says it by health, in tagship.toml",
                  "lambda": "a function is invoked, by payload and expect in tagship.toml"}  # fmt: skip
Again = Callable[[Mapping[str, str]], str]  # answers in place of those that were typed -> the command to type
FOLDER = ".tagship/function"  # of what a zip file has: Git ignores it
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
    runtime: str  # process (of a function: a zip file) | docker
    kind: str  # service | job, on hosts; ecs | lambda
    command: str  # that starts it; of a function, that makes its folder
    include: str
    image: str
    health: str
    bucket: str
    region: str
    build: str
    built: str
    cluster: str
    service: str
    function: str
    handler: str
    prefix: str


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
    choices: Mapping[str, str] = field(default_factory=dict)  # the only answers, and how each is shown


def settle(scene: Scene, given: Mapping[str, str], prompt: Prompt | None, again: Again = commands.init) -> Blueprint:
    """Settle what is written; without `prompt`, nothing is asked.

    `again` spells the command that was typed, with what is given it in place of answers.

    Nor is it if there is a tagship.toml, which has the answers. Raises UsageError for what nothing says.
    """
    if scene.settled:
        _require_unsaid(given, again)
    values: dict[str, str] = {}
    for question in _questions(scene, values):
        flag = given.get(question.flag, "")
        values[question.flag] = flag or question.found if scene.settled else _answer(question, flag, prompt, again)
    return Blueprint(**values)


def _require_unsaid(given: Mapping[str, str], again: Again) -> None:
    """Raise UsageError for an answer that tagship.toml has already."""
    flag = next((flag for flag, text in given.items() if text and flag != "build"), "")
    if flag:
        raise UsageError(
            f"--{flag} is for a repository without {FILE}; this one has it.",
            remedy=f"Change it in {FILE}, then: {again({name: '' for name in given if name != 'build'})}",
        )


def _answer(question: Enquiry, flag: str, prompt: Prompt | None, again: Again) -> str:
    value = flag or question.found
    if not flag and prompt and question.asked:
        # A line with an answer in it already would be typed behind: servicejob.
        value = (
            prompt.choose(question.text, _first(question.choices, question.found))
            if question.choices
            else prompt.text(question.text, question.found, question.fault)
        )
    if fault := question.fault(value):
        raise UsageError(f"--{question.flag}: {fault}.", remedy=f"Say it: {again({question.flag: BLANK})}")
    return value


def _first(choices: Mapping[str, str], likely: str) -> Mapping[str, str]:
    """Put a choice before the others: it is preselected."""
    return {likely: choices[likely], **choices}


def _questions(scene: Scene, values: Mapping[str, str]) -> Iterator[Enquiry]:
    """Yield the questions; each may depend on the answers before it."""
    yield Enquiry("app", "The app's name", _name(scene), _fault_of_name)
    yield Enquiry("env", "The environment", "dev", _fault_of_name, asked=False)
    env = values["env"]
    branch = env if env in scene.git.branches else scene.default_branch
    prefix = _prefix(scene, values["app"])
    yield Enquiry("prefix", "What its tags have before the version", prefix, _fault_of_prefix, asked=bool(prefix))
    yield Enquiry("branch", f"The branch that {env} ships from", branch, _needed)
    yield Enquiry("kind", "It is a", scene.kind, _choice(*KINDS), choices=KINDS)
    yield from _how_it_runs(scene, values)
    yield Enquiry("build", "", "", asked=False)
    yield Enquiry("region", "", next(iter(scene.regions), "us-east-1"), asked=False)
    yield from _what_runs_it(scene, values)
    yield Enquiry("bucket", "The bucket for its artifacts", f"{values['app']}-artifacts", _needed, asked=False)


def _how_it_runs(scene: Scene, values: Mapping[str, str]) -> Iterator[Enquiry]:
    """Yield questions about what is shipped: image, files, or zip file."""
    if values["kind"] == "ecs":
        yield Enquiry("runtime", "", "docker", _choice("docker"), asked=False)
    else:
        runtime = "docker" if scene.dockerfile else "process"
        yield Enquiry("runtime", "Runs as", runtime, _choice(*RUNTIMES), choices=RUNTIMES)
    contained, zipped = values["runtime"] == "docker", _is_zip(values)
    yield Enquiry("built", "", FOLDER if zipped else "", _needed if zipped else _anything, asked=False)
    if contained:
        yield Enquiry("command", "", "", _none("an image has its own command"), asked=False)
    elif zipped:
        making = _packing(scene, values["built"])
        yield Enquiry("command", "The command that makes what its zip file has", making, _fault_of_command)
    else:
        yield Enquiry("command", "The command that starts it", shlex.join(scene.command), _fault_of_command)
    yield Enquiry("include", "", "" if contained or zipped else ",".join(_shipped(scene)), asked=False)


def _what_runs_it(scene: Scene, values: Mapping[str, str]) -> Iterator[Enquiry]:
    """Yield questions about the image, and what infrastructure made."""
    kind, name = values["kind"], f"{values['app']}-{values['env']}"
    image = f"{ACCOUNT}.dkr.ecr.{values['region']}.amazonaws.com/{values['app']}"
    images = Enquiry("image", "The repository of its images", next(iter(scene.images), image), _needed)
    yield images if values["runtime"] == "docker" else _not_asked("image", "is for runtime docker")
    health = Enquiry("health", "The path of its health check", scene.health or "/healthz", _needed)
    yield health if kind == "service" else _not_asked("health", WITHOUT_HEALTH.get(kind, ""))
    for flag, text in (("cluster", "Its cluster"), ("service", "Its service in that")):
        yield Enquiry(flag, text, name, _fault_of_resource) if kind == "ecs" else _not_asked(flag, "is for kind ecs")
    function = Enquiry("function", "The function's name", name, _fault_of_resource)
    yield function if kind == "lambda" else _not_asked("function", "is for kind lambda")
    packed = values["command"] == _packing(scene, values["built"])
    fault = partial(_fault_of_handler, scene) if packed else _needed  # another command may put files elsewhere
    handler = Enquiry("handler", "Its handler", scene.handler or "app.handler", fault)
    yield handler if _is_zip(values) else _not_asked("handler", "is for a function of a zip file")


def _is_zip(values: Mapping[str, str]) -> bool:
    return values["kind"] == "lambda" and values["runtime"] == "process"


def _packing(scene: Scene, folder: str) -> str:
    """Spell a command that makes the folder of a zip file."""
    paths, place = shlex.join(_shipped(scene)), shlex.quote(folder)
    script = f"rm -rf {place} && mkdir -p {place} && cp -R {paths} {place}"
    if "requirements.txt" in scene.files:
        script += f" && python3 -m pip install --quiet --target {place} -r requirements.txt"
    return shlex.join(["sh", "-c", script])


def _not_asked(flag: str, reason: str) -> Enquiry:
    return Enquiry(flag, "", "", _none(reason), asked=False)


def _name(scene: Scene) -> str:
    """Guess the app's name: by its remote, its package, or its folder."""
    url = scene.git.remotes.get(scene.remote, "")
    home = repository_of(url)
    names = [
        scene.root.name if scene.git.folder else "",
        home[1].rpartition("/")[2] if home else "",
        scene.project.get("name"),
        scene.package.get("name"),
    ]
    names.append(scene.root.name)
    cleaned = (re.sub(r"[^a-z0-9]+", "-", str(name or "").lower()).strip("-")[:40].strip("-") for name in names)
    return next((name for name in cleaned if name), "app")


def _prefix(scene: Scene, app: str) -> str:
    """Guess the prefix of its tags, from those there are.

    Of an app in a folder, it is its name.
    """
    known = list(scene.prefixes)
    if not scene.git.folder:
        return known[0] if known else ""
    folder = scene.root.name
    named = [prefix for prefix in known if prefix.rstrip("-_/v") in (app, folder, scene.git.folder)]
    return named[0] if named else f"{app}-"


def _shipped(scene: Scene) -> list[str]:
    """List what Git has at the top and hosts need."""
    top = dict.fromkeys(path.partition("/")[0] for path in scene.git.files)
    return [name for name in top if not (name in UNSHIPPED or name.startswith(".") or name.endswith(UNSHIPPED_ENDS))]


def _needed(text: str) -> str:
    return "" if text.strip() else "nothing says it"


def _anything(text: str) -> str:  # noqa: ARG001  # a fault's shape
    return ""


def _none(reason: str) -> Callable[[str], str]:
    return lambda text: reason if text else ""


def _fault_of_name(text: str) -> str:
    return "" if NAME.fullmatch(text) else "use small letters, digits and hyphens"


def _fault_of_prefix(text: str) -> str:
    """Say what is wrong with a prefix, as the settings would."""
    if text[-1:].isdigit():
        return "the version begins with a digit, so end it with a letter, a hyphen or a slash"
    return "" if re.match(PREFIX, text) else "use letters and digits, with - _ or / between them or at the end"


def _fault_of_resource(text: str) -> str:
    return "" if RESOURCE.fullmatch(text) else "use letters, digits, hyphens and underscores, at most 64"


def _fault_of_command(text: str) -> str:
    if not text.strip():
        return "can't tell what starts the app"
    try:
        return "" if shlex.split(text) else "it is empty"
    except ValueError as reason:
        return f"{reason}".lower()


def _fault_of_handler(scene: Scene, text: str) -> str:
    """Name the folder of a handler's file, if the text lacks it."""
    module, _, function = text.rpartition(".")
    files = [f"{module.replace('.', '/')}.py", *(f"{module}.{end}" for end in ("js", "mjs", "cjs"))]
    nested = [path for path in scene.files for file in files if path.endswith(f"/{file}")]
    if not nested or set(files) & {*scene.files}:
        return _needed(text)
    return f"its file is {nested[0]}: {nested[0].rpartition('.')[0]}.{function}"


def _choice(*choices: str) -> Callable[[str], str]:
    return lambda text: "" if text in choices else f"use {' or '.join(choices)}"
