"""What `init` finds in a repository: how it is built and started, and what its team has for shipping already."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from tagship.domain.tagnames import prefixes
from tagship.domain.text import counted
from tagship.ports.repository import Surroundings
from tagship.settings import FILE

LARGEST = 200_000  # bytes of a file that is read
LOCKS = (
    "requirements.txt", "poetry.lock", "uv.lock", "Pipfile.lock", "package-lock.json", "pnpm-lock.yaml", "yarn.lock",
    "go.sum", "Cargo.lock", "Gemfile.lock",
)  # fmt: skip
LANGUAGES = {
    "pyproject.toml": "Python",
    "setup.py": "Python",
    "package.json": "Node",
    "go.mod": "Go",
    "Gemfile": "Ruby",
}
LANGUAGES |= {"requirements.txt": "Python", "Cargo.toml": "Rust", "pom.xml": "Java", "build.gradle": "Java"}
MAKEFILES = ("GNUmakefile", "makefile", "Makefile")  # in make's own order
STARTED = {"app.py": "python3", "main.py": "python3", "server.py": "python3", "server.js": "node", "index.js": "node"}
SOURCES = (".py", ".js", ".ts", ".mjs", ".go", ".rb")
HEALTH = re.compile(r"""["'`](/(?:healthz?|health-?check|livez|readyz|ping)/?)["'`]""")
HANDLERS = {
    "py": re.compile(r"^def (\w*handler)\(\w+, \w+\)", re.MULTILINE),
    "js": re.compile(r"^exports\.(\w*handler)\s*=", re.MULTILINE),
    "mjs": re.compile(r"^export const (\w*handler)\s*=", re.MULTILINE),
}
OF_ECS = re.compile(r"amazon-ecs-deploy-task-definition|aws ecs update-service")
OF_LAMBDA = re.compile(r"aws lambda update-function-code|aws-lambda-deploy")
OF_SAM = "AWS::Serverless-2016-10-31"
REGISTRY = re.compile(r"\b\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[\w./-]*[\w-]")
BUCKET = re.compile(r"\bs3://([a-z0-9][a-z0-9.-]{2,62})")
REGION = re.compile(r"(?:aws-region|AWS_REGION|AWS_DEFAULT_REGION)\s*[:=]\s*[\"']?([a-z]{2}-[a-z]+-\d)\b")
TARGET = re.compile(r"^([A-Za-z0-9_./ %-]+?)\s*:(?![=:])", re.MULTILINE)
INCLUDED = re.compile(r"^-?include\s+([^$\n#]+)$", re.MULTILINE)
PINNED = re.compile(r"required_version\s*=\s*\"([^\"]+)\"")


@dataclass(frozen=True)
class Scene:
    """A repository as it is."""

    git: Surroundings

    @property
    def root(self) -> Path:
        return self.git.root

    def text(self, path: str) -> str:
        """Read a small file as text; empty without one."""
        place = self.root / path
        if not place.is_file() or place.stat().st_size > LARGEST:
            return ""
        return place.read_text("utf-8", errors="replace")

    @property
    def settled(self) -> bool:
        """Tell whether there are settings already."""
        return (self.root / FILE).exists()

    @cached_property
    def files(self) -> Sequence[str]:
        """List the files that Git would have, and those at the top."""
        top = (entry.name for entry in self.root.iterdir() if entry.is_file())
        return sorted({*self.git.files, *top})

    # -- what it is ----------------------------------------------------------------------------------------------------

    @cached_property
    def remote(self) -> str:
        """Name the remote that counts; empty without any."""
        return "origin" if "origin" in self.git.remotes else next(iter(self.git.remotes), "")

    @cached_property
    def default_branch(self) -> str:
        return next((name for name in ("main", "master") if name in self.git.branches), self.git.branch or "main")

    @cached_property
    def prefixes(self) -> Mapping[str, str]:
        """Map prefixes of version tags to the highest of each."""
        return prefixes(self.git.tags)

    @property
    def depth(self) -> int:
        """Count the folders between the app's and the repository's top."""
        return len(PurePosixPath(self.git.folder).parts)

    @property
    def alone(self) -> bool:
        """Tell whether the repository has no other app of tagship's."""
        return not [folder for folder in self.git.apps if folder != self.git.folder]

    @cached_property
    def languages(self) -> Sequence[str]:
        return list(dict.fromkeys(LANGUAGES[name] for name in LANGUAGES if name in self.files))

    @cached_property
    def locks(self) -> Sequence[str]:
        return [path for path in self.files if path.rpartition("/")[2] in LOCKS]

    @cached_property
    def package(self) -> Mapping[str, Any]:
        """Read package.json; empty if it cannot be read."""
        try:
            value = json.loads(self.text("package.json") or "{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @cached_property
    def project(self) -> Mapping[str, Any]:
        """Read [project] of pyproject.toml; empty if it cannot be read."""
        try:
            value = tomllib.loads(self.text("pyproject.toml")).get("project", {})
        except tomllib.TOMLDecodeError:
            return {}
        return value if isinstance(value, dict) else {}

    # -- how it is started ---------------------------------------------------------------------------------------------

    @cached_property
    def dockerfile(self) -> str:
        """Name the Dockerfile at the top; empty without one."""
        names = [path for path in self.files if re.fullmatch(r"(Dockerfile|Containerfile)(\.\w+)?", path)]
        return min(names, key=len, default="")

    @cached_property
    def stages(self) -> Sequence[str]:
        return re.findall(r"^FROM\s+\S+\s+AS\s+(\S+)", self.text(self.dockerfile), re.MULTILINE | re.IGNORECASE)

    @cached_property
    def ports(self) -> Sequence[str]:
        return re.findall(r"^EXPOSE\s+(\d+)", self.text(self.dockerfile), re.MULTILINE | re.IGNORECASE)

    @cached_property
    def command(self) -> Sequence[str]:
        """Find what starts the app; empty if nothing says so."""
        return next((words for words in self._commands() if words), [])

    def _commands(self) -> Iterator[Sequence[str]]:
        procfile = re.search(r"^web:\s*(.+)$", self.text("Procfile"), re.MULTILINE)
        yield _words(procfile[1]) if procfile else []
        for name, program in STARTED.items():
            yield [program, name] if name in self.files else []
        scripts = self.package.get("scripts")
        yield ["npm", "start"] if isinstance(scripts, dict) and "start" in scripts else []
        yield ["node", str(self.package["main"])] if "main" in self.package else []

    @cached_property
    def health(self) -> str:
        """Find a health check's path in the sources, or nothing."""
        sources = (path for path in self.files if path.endswith(SOURCES))
        return next((match[1] for path in sources if (match := HEALTH.search(self.text(path)))), "")

    @cached_property
    def handler(self) -> str:
        """Find a function's handler at the top, or nothing."""
        for path in self.files:
            module, _, end = path.rpartition(".")
            if "/" not in path and end in HANDLERS and (match := HANDLERS[end].search(self.text(path))):
                return f"{module}.{match[1]}"
        return ""

    @cached_property
    def kind(self) -> str:
        """Guess what it runs on, by what its team ships with."""
        deployed = "\n".join(self.text(path) for path in [*self.workflows, self.makefile])
        if OF_ECS.search(deployed):
            return "ecs"
        sam = any(OF_SAM in self.text(path) for path in ("template.yaml", "template.yml"))
        return "lambda" if sam or OF_LAMBDA.search(deployed) else "service"

    # -- what its team has for shipping --------------------------------------------------------------------------------

    @cached_property
    def makefile(self) -> str:
        """Name the file that make reads; empty without one."""
        return next((name for name in MAKEFILES if (self.root / name).is_file()), "")

    @cached_property
    def targets(self) -> frozenset[str]:
        """Collect the Makefile's targets, those of files that it includes too."""
        texts, left = [], [self.makefile] if self.makefile else []
        for name in left:  # grows while it is walked
            text = self.text(name)
            texts.append(text)
            names = [path for line in INCLUDED.findall(text) for path in line.split() if path != "tagship.mk"]
            left += [path for path in names if path not in left]
        return frozenset(name for text in texts for line in TARGET.findall(text) for name in line.split())

    @cached_property
    def workflows(self) -> Sequence[str]:
        return [path for path in self.files if re.fullmatch(r"\.github/workflows/[^/]+\.ya?ml", path)]

    @cached_property
    def images(self) -> Sequence[str]:
        return self._said_in_workflows(REGISTRY, 0)

    @cached_property
    def buckets(self) -> Sequence[str]:
        return self._said_in_workflows(BUCKET, 1)

    @cached_property
    def regions(self) -> Sequence[str]:
        return self._said_in_workflows(REGION, 1)

    def _said_in_workflows(self, pattern: re.Pattern[str], group: int) -> Sequence[str]:
        texts = (self.text(path) for path in [*self.workflows, self.makefile])
        return list(dict.fromkeys(match[group] for text in texts for match in pattern.finditer(text)))

    @cached_property
    def infrastructure(self) -> Sequence[str]:
        """Name the tools that make the infrastructure, with their pins."""
        tools = [f"Terraform{_pins(map(self.text, terraform))}"] if (terraform := self._ending(".tf")) else []
        tools += ["AWS CDK"] if self._ending("cdk.json") else []
        return tools + (["Pulumi"] if self._ending("Pulumi.yaml") else [])

    def _ending(self, end: str) -> Sequence[str]:
        return [path for path in self.files if path.endswith(end)]


def _pins(texts: Iterable[str]) -> str:
    versions = dict.fromkeys(version for text in texts for version in PINNED.findall(text))
    return f" ({', '.join(versions)})" if versions else ""


def _words(line: str) -> Sequence[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


def described(scene: Scene) -> list[tuple[str, str]]:
    """Say what was found: what it is of, and what."""
    git = scene.git
    rows = [
        ("remote", f"{scene.remote} {git.remotes[scene.remote]}" if scene.remote else "none"),
        ("branches", ", ".join(git.branches[:5]) or "none yet"),
        ("tags", _tags(scene)),
        ("language", ", ".join([*scene.languages, *scene.locks])),
        ("container", _container(scene)),
        ("start", shlex.join(scene.command)),
        ("health", scene.health),
        ("Makefile", counted(len(scene.targets), "target") if scene.makefile else ""),
        ("workflows", ", ".join(path.rpartition("/")[2] for path in scene.workflows)),
        (
            "deploy/",
            "your own folder, which init does not touch" if any(p.startswith("deploy/") for p in scene.files) else "",
        ),
        ("AWS", ", ".join([*scene.images, *scene.buckets, *scene.regions])),
        ("infrastructure", ", ".join(scene.infrastructure)),
    ]
    return [(about, text) for about, text in rows if text]


def _tags(scene: Scene) -> str:
    count = len(scene.git.tags)
    like = f", versions such as {', '.join(list(scene.prefixes.values())[:3])}" if scene.prefixes else ""
    return f"{count}{like}" if count else "none yet"


def _container(scene: Scene) -> str:
    if not scene.dockerfile:
        return ""
    parts = [f"stages {', '.join(scene.stages)}"] if scene.stages else []
    parts += [f"listens on {', '.join(scene.ports)}"] if scene.ports else []
    return scene.dockerfile + (f" ({'; '.join(parts)})" if parts else "")
