"""What `init` writes for GitHub: rendered, and given to zizmor and to GitHub's schemas as our own workflows are.

`python -m scripts.lint.generated FOLDER` writes them there, for the readers that are node programs. Beside the files of
some repositories, those of every choice that changes one: tests/unit/scaffold/test_variants.py holds that each branch
of each template is among them, taken and not.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from tagship.scaffold.app_folder import AppFolder
from tagship.scaffold.files import ACTION, workflow
from tagship.scaffold.pipelines import Attesting, Pipelines
from tagship.scaffold.rendering import render

WORKFLOWS = ".github/workflows"
IN_A_FOLDER = AppFolder("api", "services/api", "api-", alone=False)
INFRA = {"dev": "infra", "prod": "infra"}
ENVIRONMENTS = {"dev": "dev", "production": ""}  # with a suffix, and the one of final releases


def files() -> Iterator[tuple[str, bytes]]:
    """Every file for GitHub, by its path."""
    for env, suffix in ENVIRONMENTS.items():
        yield f"{WORKFLOWS}/deploy-{env}.yml", workflow(env, suffix)
    order = ("dev", "preprod", "prod")
    for name, content in Pipelines(
        (*order, "staging"), ACTION, order, paths=("app/**",), previews=True, infra=INFRA
    ).files():
        yield f"{WORKFLOWS}/{name}", content
    for apart in (False, True):
        yield f"{ACTION}{'-apart' if apart else ''}/action.yml", render("action.yml", apart=apart, folder="")
    for images in (False, True):
        name = "images" if images else "attested"
        own = AppFolder(name, name, f"{name}-", alone=False)
        attest = Attesting(images=images)
        yield f"{WORKFLOWS}/{own.own}deploy-dev.yml", workflow("dev", "dev", place=own, attest=attest)
        for file, content in Pipelines((*order, "staging"), ACTION, order, place=own, attest=attest).files():
            yield f"{WORKFLOWS}/{file}", content
        yield f"{own.action}/action.yml", render("action.yml", apart=False, folder=own.folder)
    yield f"{WORKFLOWS}/api-deploy-dev.yml", workflow("dev", "dev", place=IN_A_FOLDER)
    for name, content in Pipelines((*order, "staging"), ACTION, order, infra=INFRA, place=IN_A_FOLDER).files():
        yield f"{WORKFLOWS}/{name}", content
    yield f"{IN_A_FOLDER.action}/action.yml", render("action.yml", apart=False, folder=IN_A_FOLDER.folder)


def variants() -> Iterator[tuple[str, bytes]]:
    """Every workflow that the choices of a team lead to, once each, by a path of its own."""
    seen = {content for _, content in files()}
    for name, content in _of_every_choice():
        if content not in seen:
            seen.add(content)
            yield f"{WORKFLOWS}/{sha256(content).hexdigest()[:8]}-{name}", content


def _of_every_choice() -> Iterator[tuple[str, bytes]]:
    attests = (None, Attesting(), Attesting(images=True))
    orders = ((), ("preprod", "prod"))
    places = (AppFolder(""), IN_A_FOLDER)
    for attest, order, previews, infra, build, place in product(
        attests, orders, (False, True), ({}, INFRA), ("", "make app"), places
    ):
        made = Pipelines(
            ("dev", "preprod", "prod"), ACTION, order, app_build=build, previews=previews, infra=infra, place=place,
            attest=attest,
        )  # fmt: skip
        yield from made.files()
        for env, suffix in ENVIRONMENTS.items():
            yield f"{place.own}deploy-{env}.yml", workflow(env, suffix, build, place=place, attest=attest)


def commands(root: Path) -> Iterator[list[str]]:
    workflows, actions = sorted(root.glob(f"{WORKFLOWS}/*.yml")), sorted(root.rglob("action.yml"))
    yield ["zizmor", "--offline", "--quiet", "--config", ".github/zizmor.yml", str(root / ".github")]
    yield ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, workflows)]
    yield ["check-jsonschema", "--builtin-schema", "vendor.github-actions", *map(str, actions)]


def write(folder: Path) -> None:
    """Every file for GitHub, below a folder."""
    for path, content in (*files(), *variants()):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def main(words: Sequence[str]) -> int:
    """With a folder: write them there. Without: lint them."""
    if words:
        write(Path(words[0]))
        return 0
    with TemporaryDirectory() as folder:
        write(Path(folder))
        return max(subprocess.run(command, check=False).returncode for command in commands(Path(folder)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
