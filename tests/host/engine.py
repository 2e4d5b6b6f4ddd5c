"""A real Docker engine to build with, apart from whatever Docker this machine has: the engine of a machine of ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.host.ground import ADMIN_PATH, Ground
from tests.host.machine import Machine
from tests.host.registry import PASSWORD, Registry

PYTHON = "/usr/bin/python3"
# What an HTTP service in plain Python never imports; it is half of the standard library.
LEFT_OUT = ("__pycache__", "test", "idlelib", "lib2to3", "pydoc_data", "ensurepip", "tkinter", "turtledemo", "config-*")


class Engine:
    """Docker's engine of `machine`, used by clients on this side through its socket."""

    def __init__(self, ground: Ground, registry: Registry) -> None:
        self.registry = registry
        self.machine = Machine(ground, registry, "engine").up()
        self.config = self.machine.folder / "client"
        self.config.mkdir(mode=0o700)

    def variables(self, *first: Path) -> dict[str, str]:
        """The environment of a client of this engine; `first` are folders to look for programs in before all others."""
        path = ":".join([*map(str, first), ADMIN_PATH])
        return {"PATH": path, "HOME": "/root", "DOCKER_HOST": self.machine.docker, "DOCKER_CONFIG": str(self.config)}

    def docker(self, *arguments: str, given: str = "", variables: Mapping[str, str] | None = None) -> str:
        """Run a docker command that must succeed; `given` is its standard input."""
        argv, env = ["docker", *arguments], variables or self.variables()
        done = subprocess.run(argv, env={**os.environ, **env}, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"docker {' '.join(arguments)} exited {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    def login(self) -> None:
        for name in self.registry.names:
            self.docker("login", "--username", "AWS", "--password-stdin", name, given=PASSWORD)

    def digest(self, image: str) -> str:
        """The digest that an image was pushed under."""
        names: list[str] = json.loads(self.docker("image", "inspect", "--format", "{{json .RepoDigests}}", image))
        return names[0].partition("@")[2]

    def python_base(self, name: str) -> str:
        """An image with this system's own Python and nothing else, to build from without a download."""
        library = Path(_of_system_python("import sysconfig; print(sysconfig.get_path('stdlib'))"))
        programs = [PYTHON, *map(str, (library / "lib-dynload").glob("*.so"))]
        files = ["/etc/passwd", "/etc/group", PYTHON, str(Path(PYTHON).resolve()), str(library), *_libraries(programs)]
        excluded = [f"--exclude={library.relative_to('/')}/{name}" for name in LEFT_OUT]
        pack = ["tar", "-C", "/", "-c", "-h", "--exclude=__pycache__", *excluded, *(file[1:] for file in files)]
        with subprocess.Popen(pack, stdout=subprocess.PIPE) as tar:
            argv = ["docker", "import", "-c", "ENV PATH=/usr/bin:/bin", "-c", 'CMD ["python3"]', "-", name]
            subprocess.run(argv, env=self.variables(), stdin=tar.stdout, check=True, capture_output=True)
        assert tar.returncode == 0
        return name


def _of_system_python(code: str) -> str:
    return subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _libraries(programs: list[str]) -> list[str]:
    """The shared libraries (and the loader) that programs are linked with."""
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/\S+\.so\S*)(?= \(0x)", said)))
