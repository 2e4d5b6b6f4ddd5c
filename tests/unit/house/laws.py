"""The laws of DESIGN's layout, each a function from a house to the places that break it."""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Iterable
from keyword import iskeyword

from tests.unit.house.source import House, Import, layer

BELOW: dict[str, set[str]] = {
    "errors": set(),
    "resources": set(),
    "domain": {"errors", "domain"},
    "settings": {"errors", "resources", "domain", "settings"},
    "ports": {"errors", "domain", "settings", "ports"},
    "engine": {"errors", "resources", "domain", "settings", "ports", "engine"},
    "release": {"errors", "resources", "domain", "settings", "ports", "engine", "release"},
    "account": {"errors", "resources", "domain", "settings", "ports", "engine", "account"},
    "scaffold": {"errors", "resources", "domain", "settings", "ports", "scaffold"},
    "verbs": {"scaffold", "errors", "resources", "domain", "settings", "ports", "engine", "release", "account"},
    "adapters": {"errors", "resources", "domain", "settings", "ports", "adapters"},
    "bootstrap": {"errors", "domain", "settings", "ports", "adapters", "bootstrap"},
    "sandbox": {"errors", "resources", "domain", "settings", "ports", "sandbox"},
    "tasks": {"errors", "domain", "settings", "ports", "engine", "verbs", "bootstrap", "tasks"},
}
KNOW_THE_SANDBOX = {
    "bootstrap/__init__.py": "sandbox",
    "bootstrap/accounts.py": "sandbox",
    "tasks/sandbox.py": "sandbox",
    "tasks/demo.py": "sandbox",
}

# library -> the layers that may import it
LIBRARIES = {
    "semver": {"domain"},
    "pydantic": {"settings"},
    "boto3": {"adapters", "sandbox"},
    "jmespath": {"adapters"},
    "botocore": {"adapters", "sandbox"},
    "s3transfer": {"adapters"},
    "mypy_boto3_ec2": {"adapters"},
    "mypy_boto3_ecr": {"adapters"},
    "mypy_boto3_kms": {"adapters"},
    "mypy_boto3_s3": {"adapters"},
    "mypy_boto3_secretsmanager": {"adapters"},
    "mypy_boto3_ssm": {"adapters"},
    "git": {"adapters"},
    "sigstore": {"adapters"},
    "hcl2": {"adapters"},
    "questionary": {"adapters"},
    "prompt_toolkit": {"adapters"},
    "rich": {"adapters"},
    "requests": {"adapters"},
    "urllib3": {"adapters"},
    "tenacity": {"adapters"},
    "jinja2": {"scaffold", "release"},
    "markupsafe": {"release"},
    "leather": {"release"},  # values in, SVG out: the report
    "zlib_ng": {"release"},  # bytes in, bytes out: bundles alone are compressed
    "cyclonedx": {"release"},  # values in, values out: the SBOM
    "packageurl": {"release"},
    "cryptography": {"adapters", "sandbox"},
    "moto": {"sandbox"},
    "werkzeug": {"sandbox"},
    "flask": {"sandbox"},
    "yaml": {"sandbox"},
    "packaging": {"sandbox"},
    "invoke": {"tasks"},
}
IN_ONE_ADAPTER = {"git", "questionary", "prompt_toolkit", "rich", "cryptography"}
SLOW = set(LIBRARIES) - {"semver", "pydantic", "invoke"}
IO = {
    "os", "io", "pathlib", "subprocess", "socket", "time", "random", "shutil", "tempfile", "logging",
    "urllib.request", "http.client", "http.server",
}  # fmt: skip
CHEAP = {"errors", "tasks", "settings", "ports", "bootstrap", ""}  # what tasks and bootstrap may import at once

KINDS = ("ec2", "ecs", "lambda_", "asg", "static")
BUILT_ON = {"asg": "ec2"}  # a kind whose hosts are another's: ADR 0039
KINDS_LINES = {"adapters/targets/__init__.py", "settings/kinds.py"}  # the two places that name every kind
AWS_WORDS = re.compile(r"(?<![a-z])(ec2|ssm|ecs|lambda)(?![a-z])", re.IGNORECASE)
READ_THE_ENVIRONMENT = {"bootstrap/__init__.py", "bootstrap/terminal.py", "adapters/ci_github.py"}  # and settings
STORIES = {"sandbox", "demo"}  # tasks of the sandbox alone: their verbs stand in sandbox/play
# Turns that no message takes: DESIGN 9. ("There is no environment …" and "is no longer" are plain English.)
BANNED = re.compile(
    r"(?<!there )\bis no (?!longer\b)|\ball the same\b|\bany more\b|\btold\b|\bby its word\b|\bthereof\b"
    r"|\bthis very moment\b",
    re.IGNORECASE,
)
ENDS = {"sys.exit", "exit", "os._exit", "SystemExit"}


def strange_layers(house: House) -> list[str]:
    """Files in no layer."""
    return [file for file in house.trees if layer(file) not in {*BELOW, ""}]


def upward_imports(house: House) -> list[str]:
    """Imports that point up or sideways; the type checker's own are held to the same."""
    return [
        one.where
        for one in house.own
        if one.layer and one.reaches not in BELOW.get(one.layer, set()) | {""} and not _knows_the_sandbox(one)
    ]


def _knows_the_sandbox(one: Import) -> bool:
    reach = KNOW_THE_SANDBOX.get(one.file)
    return reach is not None and f"{one.module}.".startswith(f"tagship.{reach}.")


def verbs_that_import_verbs(house: House) -> list[str]:
    return [one.where for one in house.own if one.layer == "verbs" and one.reaches == "verbs"]


def verbs_that_are_no_verb(house: House, tasks: Iterable[str]) -> list[str]:
    """Files of verbs/ without a task, tasks without a file, and files with another public function than their own."""
    files = {file.removeprefix("verbs/").removesuffix(".py") for file in house.trees if layer(file) == "verbs"}
    plain = {task.replace("-", "_").replace(".", "_") for task in tasks if task not in STORIES}
    names = {f"{name}_" if iskeyword(name) else name for name in plain}
    odd = sorted(f"{name}: a file or a task alone" for name in (files - {"__init__"}) ^ names)
    for name in sorted(files & names):
        tree = house.trees[f"verbs/{name}.py"]
        public = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
        odd += [f"{name}: {public}"] if public != [name] else []
    return odd


def strange_libraries(house: House) -> list[str]:
    """Libraries imported in a layer that is not theirs."""
    return [one.where for one in _foreign(house) if one.layer not in LIBRARIES.get(one.library, set())]


def shared_libraries(house: House) -> list[str]:
    """Libraries that more than one adapter imports although one is to have them to itself. A folder is one adapter."""
    found = []
    for name in sorted(IN_ONE_ADAPTER):
        users = {_adapter(one.file) for one in _foreign(house) if one.library == name and one.layer == "adapters"}
        found += [f"{name}: {sorted(users)}"] if len(users) > 1 else []
    return found


def _adapter(file: str) -> str:
    parts = file.split("/")
    return parts[1].removesuffix(".py")


def _foreign(house: House) -> list[Import]:
    return [one for one in house.imports if one.library not in sys.stdlib_module_names | {"tagship"}]


def early_imports(house: House) -> list[str]:
    """What is slow and imported as a module is; what tasks and bootstrap import before a task runs."""
    slow = [one for one in _foreign(house) if one.library in SLOW and one.layer != "sandbox"]
    own = [one for one in house.own if one.layer in {"tasks", "bootstrap"} and one.reaches not in CHEAP]
    own += [one for one in house.own if one.layer == "tasks" and one.reaches in {"settings", "ports", "bootstrap"}]
    return [one.where for one in (*slow, *own) if not one.late and not one.typing]


def io_in_the_domain(house: House) -> list[str]:
    """Modules that do I/O, and questions for the time: the domain is given both."""
    asks = [f"{file}:{call.lineno}" for file, call in house.calls("domain") if _asks_the_time(call)]
    does = [one for one in house.imports if one.layer == "domain"]
    return [one.where for one in does if any(f"{one.module}.".startswith(f"{name}.") for name in IO)] + asks


def _asks_the_time(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith((".now", ".utcnow", ".today"))


def process_ends(house: House) -> list[str]:
    """Calls that end the process elsewhere than in the tasks."""
    layers = set(BELOW) - {"errors", "tasks", "sandbox"}
    return [f"{file}:{call.lineno}" for file, call in house.calls(*layers) if ast.unparse(call.func) in ENDS]


def leaking_kinds(house: House) -> list[str]:
    """Imports of one kind of target by what is no part of it."""
    found = []
    for one in house.own:
        parts = set(one.module.split("."))
        for kind in KINDS:
            if kind in parts and not _is_part_of(kind, one.file) and one.file not in KINDS_LINES:
                found.append(one.where)
    return found


def _is_part_of(kind: str, file: str) -> bool:
    parts = file.removesuffix(".py").split("/")
    return kind in parts or any(BUILT_ON.get(part) == kind for part in parts) or layer(file) == "sandbox"


def aws_words(house: House) -> list[str]:
    """Identifiers and messages of engine and verbs that say ec2, ssm, ecs or lambda."""
    return [
        f"{file}:{line}: {text[:60]}" for file, line, text in house.words("engine", "verbs") if AWS_WORDS.search(text)
    ]


def environment_readers(house: House) -> list[str]:
    """Readers of os.environ where nobody expects one. The sandbox has its own variables."""
    found = []
    for file, tree in house.trees.items():
        if layer(file) in {"settings", "sandbox"} or file in READ_THE_ENVIRONMENT:
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute | ast.alias):
                continue
            named = node.name in {"environ", "getenv"} if isinstance(node, ast.alias) else False
            if named or ast.unparse(node) in {"os.environ", "os.getenv"}:
                found.append(f"{file}:{node.lineno}")
    return found


def spelled_commands(house: House, *layers: str) -> list[str]:
    """Messages that spell a command themselves, elsewhere than in domain/commands.py."""
    return [
        f"{file}:{line}: {text.strip()[:70]}"
        for file, line, text in house.words(*(layers or tuple(set(BELOW) - {"sandbox"})))
        if file != "domain/commands.py" and re.search(r"\binv [a-z]", text)
    ]


def banned_turns(house: House, *layers: str) -> list[str]:
    """Messages in a dialect: strings of several words, so that a key or a name is not taken for one."""
    return [
        f"{file}:{line}: {turn[0]!r} in {text.strip()[:70]!r}"
        for file, line, text in house.words(*(layers or tuple(set(BELOW) - {"sandbox"})))
        if " " in text.strip() and (turn := BANNED.search(text))
    ]


def import_cycles(house: House, name: str) -> list[str]:
    """Modules of a layer that import each other in a ring."""
    edges: dict[str, set[str]] = {}
    for one in house.own:
        if one.layer == name and one.reaches == name and not one.typing:
            edges.setdefault(_module(one.file), set()).add(_imported(house, one))
    return [start for start in edges if start in _reachable(edges, start)]


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(house: House, one: Import) -> str:
    """The module that an import names: the whole of it, or all but its last word."""
    module = one.module.removeprefix("tagship.")
    return module if f"{module.replace('.', '/')}.py" in house.trees else module.rpartition(".")[0]


def _reachable(edges: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    left = list(edges.get(start, ()))
    while left:
        at = left.pop()
        if at not in seen:
            seen.add(at)
            left += edges.get(at, ())
    return seen


def same_names(house: House) -> list[str]:
    """Class names that mean two things in the house. The sandbox plays AWS's part and has words of its own."""
    places: dict[str, list[str]] = {}
    for file, tree in house.trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name[0] != "_" and layer(file) != "sandbox":
                places.setdefault(node.name, []).append(file)
    return [f"{name}: {', '.join(files)}" for name, files in sorted(places.items()) if len(files) > 1]


POSSESSIVE = re.compile(r"[*+?}]\+|\(\?>")


def possessive_patterns(house: House) -> list[str]:
    """Patterns that Python before 3.11.5 gets wrong: possessive quantifiers, atomic groups (python/cpython#106052)."""
    return [
        f"{file}:{text.lineno}"
        for file, tree in house.trees.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("re.") and call.args
        for text in ast.walk(call.args[0])
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
        if POSSESSIVE.search(re.sub(r"\\.|\[\^?\]?[^]]*\]", "x", text.value))
    ]


AFTER_A_COMMAND = re.compile(r"(?: --[a-z-]+(?: [\w./-]+)?)*(?:$|\n| && |\)\.$)")  # or the end of a sentence's brackets


def words_after_commands(house: House) -> list[str]:
    """Messages in which a command is followed by words on its line: pasted, they are typed as well."""
    return [
        f"{file}:{text.lineno}: {follows.value[:40]!r}"
        for file, tree in house.trees.items()
        for text in ast.walk(tree)
        if isinstance(text, ast.JoinedStr)
        for command, follows in itertools.pairwise(text.values)
        if _is_a_command(command) and isinstance(follows, ast.Constant)
        if not AFTER_A_COMMAND.match(str(follows.value))
    ]


def _is_a_command(part: ast.expr) -> bool:
    return isinstance(part, ast.FormattedValue) and ast.unparse(part.value).startswith("commands.")
