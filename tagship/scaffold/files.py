"""The files that `init` writes, each beside what the team has: rendered, compared, and never in its place."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from tagship import resources
from tagship.scaffold.answers import Blueprint
from tagship.scaffold.app_folder import AppFolder
from tagship.scaffold.drafted import Draft
from tagship.scaffold.look import Scene
from tagship.scaffold.pipelines import Attesting, Pipelines, attesting, of_settings
from tagship.scaffold.previews import of_previews, own_previews, require_writable
from tagship.scaffold.rendering import render, template
from tagship.scaffold.source import Supply
from tagship.scaffold.updating import MARK, bring_up_to_date, is_inits, stamped, write
from tagship.scaffold.writing import change
from tagship.scaffold.written import RECORD, record_of
from tagship.settings import FILE, Settings, load
from tagship.settings.previews import Previews
from tagship.settings.trust import ROLES

ACTION = ".github/actions/tagship"
SCHEMA = f"{ACTION}/schema.json"  # tagship.toml names it for editors
LOCK, SANDBOX_LOCK, APART = "tagship.txt", "tagship-sandbox.txt", "tagship-source.txt"
VERBS = (
    "deploy-dev", "tag", "versions", "status", "history", "why-not", "rollback", "deploy", "freeze", "thaw", "sandbox",
)  # fmt: skip
BUILD = re.compile(r"""^        run: (".*") # the app's own$""", re.MULTILINE)
IGNORED = (".tagship/", "__pycache__/")


def draft(scene: Scene, chosen: Blueprint, source: Supply, *, update: bool = False, previews: bool = False) -> Draft:
    """Render every file, and compare it with what the repository has.

    Raises SettingsError if there is a tagship.toml that cannot be read.
    """
    made = Draft(update, record=record_of(scene.root))
    settings = load(scene.root / FILE, {}) if scene.settled else None
    place = AppFolder.of(scene, chosen.app, chosen.prefix, settings)
    if previews:
        require_writable(settings)
    _settings(made, scene, chosen, place, previews=previews)
    _tasks(made, scene)
    _make(made, scene, source)
    _ignore(made, scene)
    attest = attesting(settings) if settings else None
    _pins(made, scene, source, attesting=attest is not None)
    _place(
        made,
        scene,
        f"{ACTION}/action.yml",
        f"{ACTION}-setup/action.yml",
        render("action.yml", apart=source.apart, folder=place.folder),
    )
    _place(made, scene, SCHEMA, SCHEMA, schema())
    pipelines = dict(_pipelines(settings, place, chosen))
    if previews and not settings:
        pipelines |= dict(of_previews(chosen, place))
    for env, suffix in _environments(settings, chosen).items():
        if f"{place.own}deploy-{env}.yml" not in pipelines:
            _workflow(made, scene, place, _Shipping(env, suffix, chosen.build, attest))
    for name, content in pipelines.items():
        _pipeline(made, scene, place, (name, content), settings.previews if settings else own_previews(place))
    if not (scene.root / ".env.example").exists():
        made.changes.append(change(scene.root, ".env.example", render("env.example", app=chosen.app, kind=chosen.kind)))
    made.changes.append(change(scene.root, RECORD, made.record.content))
    _say_names(made, scene)
    return made


def _place(made: Draft, scene: Scene, path: str, beside: str, content: bytes) -> str:
    """Add a file, or beside one of the team's; return its path."""
    entry = change(scene.root, path, stamped(content))
    if entry.word != "change":
        write(made, entry)
    elif is_inits(made, entry):
        bring_up_to_date(made, entry, scene.git)
    elif path == beside:
        made.notes.append(f"{path} is yours too; init keeps it, and writes nothing in its place.")
    else:
        made.notes.append(f"{path} is yours, so tagship's is {beside}. To switch: git rm {path}")
        return _place(made, scene, beside, beside, content)
    return path


# -- each file ---------------------------------------------------------------------------------------------------------


def _settings(made: Draft, scene: Scene, chosen: Blueprint, place: AppFolder, *, previews: bool) -> None:
    if scene.settled:
        return
    values = asdict(chosen) | {
        "remote": scene.remote or "origin",
        "command": shlex.split(chosen.command),
        "include": [path for path in chosen.include.split(",") if path],
        "built": [path for path in chosen.built.split(",") if path],
        "dockerfile": scene.dockerfile or "Dockerfile",
        "tagged": bool(chosen.prefix or scene.prefixes),  # a prefix of none is said, too: it was chosen
        "workflow": f"{place.own}deploy-{chosen.env}.yml" if place.own else "",
        "own": place.own,
        "previews": previews,
    }
    made.changes.append(change(scene.root, FILE, render(FILE, **values)))


def schema() -> bytes:
    """Return the schema of tagship.toml, with init's mark."""
    begin = b'{\n "$comment": "' + MARK + b'.",'
    return begin + resources.content(resources.SCHEMA).removeprefix(b"{")


def _environments(settings: Settings | None, chosen: Blueprint) -> Mapping[str, str]:
    """Map each environment to its suffix; those of tagship.toml count."""
    if settings is None:
        return {chosen.env: chosen.env}
    return {name: settings.suffix(name) for name in settings.environments}


def _tasks(made: Draft, scene: Scene) -> None:
    if not (scene.root / "tasks.py").exists():
        made.changes.append(change(scene.root, "tasks.py", render("tasks.py")))
    elif "tagship" not in scene.text("tasks.py"):
        made.notes.append("tasks.py is yours, so `inv` lacks tagship's verbs; the program `tagship` has them.")


def _make(made: Draft, scene: Scene, source: Supply) -> None:
    """Add tagship.mk and the Makefile's line."""
    made.targets = {verb: f"tagship-{verb}" if verb in scene.targets else verb for verb in VERBS}
    pins = [LOCK, SANDBOX_LOCK, *([APART] if source.apart else [])]
    content = render("tagship.mk", names=made.targets, pins=pins, apart=source.apart, up="../" * scene.depth)
    _place(made, scene, "tagship.mk", "tagship.mk", content)
    makefile = scene.makefile or "Makefile"
    before = (scene.root / makefile).read_bytes() if scene.makefile else b""
    if b"include tagship.mk" not in before:
        made.changes.append(change(scene.root, makefile, _with_line(before, "include tagship.mk")))


def _say_names(made: Draft, scene: Scene) -> None:
    for verb, name in made.targets.items():
        if name != verb:
            made.notes.append(
                f"{scene.makefile} has its own {verb}, so tagship's is `make {name}`. "
                f"To switch: take {verb} out of {scene.makefile}, and rename {name} in tagship.mk"
            )


def _ignore(made: Draft, scene: Scene) -> None:
    before = (scene.root / ".gitignore").read_bytes() if (scene.root / ".gitignore").is_file() else b""
    lines = {line.strip().strip("/") for line in before.decode("utf-8", "replace").splitlines()}
    after = before
    for line in IGNORED:
        after = after if line.strip("/") in lines else _with_line(after, line)
    made.changes.append(change(scene.root, ".gitignore", after))


def _with_line(before: bytes, line: str) -> bytes:
    gap = b"" if not before or before.endswith(b"\n") else b"\n"
    return before + gap + line.encode() + b"\n"


def _pins(made: Draft, scene: Scene, source: Supply, *, attesting: bool) -> None:
    """Add the requirement files and the wheel."""
    head = "# {}: installed with `pip install --require-hashes --no-deps -r {}`. " + MARK.decode() + ".\n"
    base = (
        head.format("What CI installs", LOCK)
        + source.line
        + (template("requirements-build.txt") if source.apart else "")
        + template("requirements.txt")
        + (template("requirements-attestations.txt") if attesting else "")
    )
    more = (
        head.format("With what the sandbox needs", SANDBOX_LOCK) + f"-r {LOCK}\n" + template("requirements-sandbox.txt")
    )
    texts = {LOCK: base, SANDBOX_LOCK: more} | (
        {APART: f"# tagship from Git. {MARK.decode()}.\n{source.apart}"} if source.apart else {}
    )
    for name, text in texts.items():
        _place(made, scene, name, name, text.encode())
    if source.wheel and any(entry.path == LOCK for entry in made.changes):  # else the lock has the hash of another
        made.changes.append(change(scene.root, *source.wheel))


def workflow(
    env: str, suffix: str, build: str = "", place: AppFolder | None = None, attest: Attesting | None = None
) -> bytes:
    """Render an environment's workflow; `build` is the app's own command for it."""
    chosen = place or AppFolder("")
    example = chosen.prefix + (f"0.1.30-{suffix}" if suffix else "1.4.0")
    values = {"name": f"{chosen.own}deploy-{env}", "pattern": chosen.pattern(suffix), "env": env, "example": example}
    return render("deploy.yml", **values, **chosen.values, build=build, attest=attest)


def _pipelines(settings: Settings | None, place: AppFolder, chosen: Blueprint) -> Iterator[tuple[str, bytes]]:
    """Render the workflows beside those of pushed tags.

    Those of what runs; with promotion.order, what takes a version from one environment to the next; with [previews],
    those of pull requests; with infra, the one that plans.
    """
    if settings is None:
        yield from Pipelines([chosen.env], ACTION, place=place).of_what_runs()
        return
    made = of_settings(settings, ACTION, chosen.build, place)
    if settings.promotion.order:
        yield from made.files()
        return
    yield from made.of_what_runs()
    yield from made.of_pull_requests() if settings.previews.environment else ()
    yield from made.of_infrastructure()


def _pipeline(made: Draft, scene: Scene, place: AppFolder, file: tuple[str, bytes], previews: Previews) -> None:
    name, content = file
    path, beside = (f"{place.workflows}/{text}" for text in (name, f"tagship-{name}"))
    placed = _place(made, scene, path, beside, content).rpartition("/")[2]
    _say_trusted(made, name, placed, previews)
    plain = name.removeprefix(place.own).removesuffix(".yml")
    if placed != name and not plain.startswith(("preview", "infra")):
        made.notes.append(
            f"AWS will trust jobs of {name}. For this one, write its file under [environments.<name>.workflows]: "
            f'{plain if plain in ROLES else "ship"} = ["{placed}@refs/heads/…"]'
        )


def _say_trusted(made: Draft, name: str, placed: str, previews: Previews) -> None:
    """Name the setting if AWS will trust another file of previews."""
    keys = {"preview.yml": "workflow", "preview-sweep.yml": "sweep_workflow"}
    key = next((key for file, key in keys.items() if name.endswith(file)), "")
    trusted = getattr(previews, key, placed) if key else placed
    if trusted != placed:
        made.notes.append(f'AWS will trust jobs of {trusted}. For this one, write under [previews]: {key} = "{placed}"')


@dataclass(frozen=True)
class _Shipping:
    """An environment's workflow: its suffix, the app's own build, what GitHub attests."""

    env: str
    suffix: str
    build: str
    attest: Attesting | None


def _workflow(made: Draft, scene: Scene, place: AppFolder, of: _Shipping) -> None:
    env = of.env
    name = f"{place.own}deploy-{env}"
    path, beside = (f"{place.workflows}/{text}.yml" for text in (name, f"tagship-{name}"))
    content = workflow(env, of.suffix, of.build or _built_by(scene, path, beside), place, of.attest)
    placed = _place(made, scene, path, beside, content)
    if placed != path:
        setting = f'workflow = "{placed.rpartition("/")[2]}"'
        made.notes.append(
            f"AWS will trust jobs of {name}.yml. For this one, write under [environments.{env}]: {setting}"
        )


def _built_by(scene: Scene, *workflows: str) -> str:
    """Read the app's own build from a workflow that init wrote earlier."""
    matches = (BUILD.search(scene.text(path)) for path in workflows)
    return next((str(json.loads(match[1])) for match in matches if match), "")
