"""`bundle`: the same bytes everywhere, everything that was asked for, and nothing that a host could trip over."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tagship import __version__, resources
from tagship.domain.bundle import Built, HostFiles
from tagship.errors import UNCHANGED, Refused, TagshipError
from tagship.verbs.bundle import bundle
from tests.fakes.app import FakeApp, environments
from tests.fakes.commits import FakeCommits
from tests.unit.ci import COMMIT, TREE, VERSION, ci_app


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def tar_of(app: FakeApp) -> tarfile.TarFile:
    return tarfile.open(app.root / ".tagship/build" / VERSION / "deploy-bundle.tar.gz")


def content(app: FakeApp, path: str) -> bytes:
    file = tar_of(app).extractfile(path)
    assert file is not None
    return file.read()


def test_it_holds_the_commit_the_configuration_and_the_version(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    bundle(app, artifact=VERSION)
    assert tar_of(app).getnames() == [
        "VERSION",
        "app/app.py",
        "app/run.sh",
        "deploy/ec2_deploy.sh",
        "deploy/environments/dev.conf",
        "deploy/host/entry.sh",
        "deploy/host/health.sh",
        "SHA256SUMS",
    ]
    assert content(app, "VERSION") == b"0.1.0-dev\n"
    assert content(app, "app/app.py") == TREE["app/app.py"]
    assert content(app, "deploy/environments/dev.conf") == app.settings.files()["deploy/environments/dev.conf"]


OTHER_NUMBERS = environments(
    ec2={"keep": 9, "drain": 0, "timeout": 1200},
    health={"attempts": 9, "attempts_after_rollback": 8, "passes": 3, "timeout": 4, "cap": 7},
)


def test_a_changed_operational_number_changes_no_byte_of_it(tmp_path: Path) -> None:
    digests = []
    for name, table in (("before", environments()), ("after", OTHER_NUMBERS)):
        built = bundle(ci_app(tmp_path / name, environments=table), artifact=VERSION)
        assert built is not None
        digests.append(built.sha256)
    assert digests[0] == digests[1]


def test_a_changed_way_of_running_changes_it(tmp_path: Path) -> None:
    one = bundle(ci_app(tmp_path / "before"), artifact=VERSION)
    other = bundle(ci_app(tmp_path / "after", environments=environments(ec2={"port": 9})), artifact=VERSION)
    assert one is not None
    assert other is not None
    assert one.sha256 != other.sha256


def test_bundle_json_says_what_it_is(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    built = bundle(app, artifact=VERSION)
    folder = tmp_path / ".tagship/build" / VERSION
    raw = (folder / "deploy-bundle.tar.gz").read_bytes()
    assert built == Built.from_json((folder / "bundle.json").read_bytes())
    assert built is not None
    assert (built.sha256, built.size, built.commit) == (hashlib.sha256(raw).hexdigest(), len(raw), COMMIT)
    assert built.sums_sha256 == hashlib.sha256(content(app, "SHA256SUMS")).hexdigest()
    assert built.committed == f"{app.repository.committed(COMMIT):%Y-%m-%dT%H:%M:%SZ}"
    assert built.files["VERSION"] == hashlib.sha256(b"0.1.0-dev\n").hexdigest()
    assert built.unpacked == sum(member.size for member in tar_of(app).getmembers())


def test_the_bytes_do_not_depend_on_machine_day_or_umask(tmp_path: Path, umask: None) -> None:
    one, other = ci_app(tmp_path / "one"), ci_app(tmp_path / "other" / "deeper")
    other.clock.advance(86_400 * 400)
    other.who = "somebody@elsewhere"
    first, second = bundle(one, artifact=VERSION), bundle(other, artifact=VERSION)
    assert first == second


def test_only_modes_0644_and_0755_and_no_owner_or_time(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    bundle(app, artifact=VERSION)
    members = {member.name: member for member in tar_of(app).getmembers()}
    executable = {"app/run.sh", "deploy/ec2_deploy.sh", "deploy/host/entry.sh"}
    assert {name for name, member in members.items() if member.mode == 0o755} == executable
    assert {member.mode for member in members.values()} == {0o644, 0o755}
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime, m.isreg()) for m in members.values()} == {(0, 0, "", "", 0, True)}


def test_built_paths_come_from_the_working_folder_whatever_their_mode(tmp_path: Path) -> None:
    (tmp_path / "dist/assets").mkdir(parents=True)
    (tmp_path / "dist/b.js").write_bytes(b"b")
    (tmp_path / "dist/assets/a.css").write_bytes(b"a")
    (tmp_path / "dist/tool").write_bytes(b"t")
    (tmp_path / "dist/b.js").chmod(0o600)
    (tmp_path / "dist/tool").chmod(0o777)
    app = ci_app(tmp_path, bundle={"built": ["dist"]})
    bundle(app, artifact=VERSION)
    names = tar_of(app).getnames()
    assert names[:-1] == sorted(names[:-1])
    assert [name for name in names if name.startswith("dist/")] == ["dist/assets/a.css", "dist/b.js", "dist/tool"]
    assert {name: tar_of(app).getmember(name).mode for name in ("dist/b.js", "dist/tool")} == {
        "dist/b.js": 0o644,
        "dist/tool": 0o755,
    }


def test_every_environment_has_its_conf_so_that_the_bytes_can_be_promoted(tmp_path: Path) -> None:
    both = {**environments(), "preprod": {**environments()["dev"], "branch": "preprod"}}
    app = ci_app(tmp_path, environments=both)
    bundle(app, artifact=VERSION)
    assert {"deploy/environments/dev.conf", "deploy/environments/preprod.conf"} <= set(tar_of(app).getnames())


def test_a_dry_run_builds_nothing(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    assert bundle(app, artifact=VERSION, dry_run=True) is None
    assert list(tmp_path.iterdir()) == []
    assert app.screen.lines == ["bundle 0.1.0-dev: deploy, app of c0ffee00", UNCHANGED]


class Torn(FakeCommits):
    """Commits whose files come as a pipe gives them: fewer bytes at a time than were asked for."""

    most = 0

    def files(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bool, int, Callable[[int], bytes]]]:
        for path, executable, size, read in super().files(commit, paths):
            yield path, executable, size, lambda count, read=read: read(min(count, self.most))  # type: ignore[misc]


@pytest.mark.parametrize("most", [777, 40_000])
@pytest.mark.parametrize("level", [1, 6, 9])
def test_the_bytes_do_not_depend_on_how_much_a_pipe_gives_at_a_time(level: int, most: int, tmp_path: Path) -> None:
    """Where zlib-ng's input is cut decides its output."""
    content = b"".join(hashlib.sha256(b"%d" % number).hexdigest().encode() for number in range(20_000))
    tree = {**TREE, "app/large": content}
    apps = [ci_app(tmp_path / name, tree=tree, bundle={"level": level}) for name in ("whole", "torn")]
    torn = apps[1].repository
    torn.__class__ = Torn
    vars(torn)["most"] = most
    assert bundle(apps[0], artifact=VERSION) == bundle(apps[1], artifact=VERSION)


# -- whose host files --------------------------------------------------------------------------------------------------

APP_ONLY = {path: raw for path, raw in TREE.items() if not path.startswith("deploy/")}


def with_hosts(root: Path, tree: dict[str, bytes], **changes: Any) -> FakeApp:
    """An app whose units run the host program."""
    app = ci_app(root, tree=tree, **changes)
    app.target("dev").needed = ["deploy/ec2_deploy.sh"]
    return app


def test_without_host_files_of_its_own_a_commit_ships_with_those_of_tagship(tmp_path: Path) -> None:
    app = with_hosts(tmp_path, APP_ONLY)
    built = bundle(app, artifact=VERSION)
    assert built is not None
    assert set(built.files) == {
        *resources.names(),
        "VERSION",
        "app/app.py",
        "app/run.sh",
        "deploy/environments/dev.conf",
    }
    assert content(app, "deploy/host/entry.sh") == resources.content("deploy/host/entry.sh")
    assert f"app of c0ffee00, with the host files of tagship {__version__}" in app.screen.text


def test_a_team_s_own_deploy_folder_is_neither_shipped_nor_taken_for_host_files(tmp_path: Path) -> None:
    theirs = {"deploy/ec2_deploy.sh": b"rsync everything\n", "deploy/README.md": b"how we deploy\n"}
    app = with_hosts(tmp_path, {**APP_ONLY, **theirs})
    bundle(app, artifact=VERSION)
    assert content(app, "deploy/ec2_deploy.sh") == resources.content("deploy/ec2_deploy.sh")
    assert "deploy/README.md" not in tar_of(app).getnames()


def test_a_file_of_theirs_that_would_stand_where_one_of_tagship_s_does_is_refused(tmp_path: Path) -> None:
    tree = {**APP_ONLY, "deploy/ec2_deploy.sh": b"rsync everything\n"}
    app = with_hosts(tmp_path, tree, bundle={"include": ["deploy"]})
    refused(app, r"deploy/ec2_deploy\.sh would be in the bundle twice; the second time from tagship")


def test_where_nothing_runs_the_host_program_no_host_files_are_shipped(tmp_path: Path) -> None:
    app = ci_app(tmp_path, tree=APP_ONLY)
    built = bundle(app, artifact=VERSION)
    assert built is not None
    assert set(built.files) == {"VERSION", "app/app.py", "app/run.sh", "deploy/environments/dev.conf"}
    assert built.host_files is None


def test_the_same_host_files_in_the_repository_make_the_same_bytes_and_are_said_to_be_its_own(tmp_path: Path) -> None:
    own = {name: resources.content(name) for name in resources.names()}
    ejected = with_hosts(tmp_path / "ejected", {**APP_ONLY, **own})
    ejected.given["repository"].executable = ["app/run.sh", *filter(_is_program, own)]
    brought, theirs = (bundle(app, artifact=VERSION) for app in (with_hosts(tmp_path, APP_ONLY), ejected))
    assert brought is not None
    assert theirs is not None
    assert brought.sha256 == theirs.sha256
    assert (brought.host_files, theirs.host_files) == tuple(
        HostFiles(source, __version__, digest_of(own)) for source in ("tagship", "repository")
    )


def _is_program(name: str) -> bool:
    return resources.is_program(resources.content(name))


def digest_of(files: dict[str, bytes]) -> str:
    """As `sha256sum deploy/… | sha256sum` has it."""
    lines = (f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_a_changed_host_file_of_the_repository_changes_the_digest(tmp_path: Path) -> None:
    changed = with_hosts(tmp_path / "b", {**TREE, "deploy/host/health.sh": b"# another\n"})
    before, after = (bundle(app, artifact=VERSION) for app in (with_hosts(tmp_path / "a", TREE), changed))
    assert before is not None
    assert before.host_files is not None
    assert after is not None
    assert after.host_files is not None
    assert before.host_files.digest != after.host_files.digest


# -- refused -----------------------------------------------------------------------------------------------------------


def refused(app: FakeApp, message: str, error: type[TagshipError] = Refused) -> None:
    with pytest.raises(error, match=message) as caught:
        bundle(app, artifact=VERSION)
    assert caught.value.remedy
    assert not list(app.root.glob(".tagship/build/*/*.gz"))
    assert not list(app.root.glob(".tagship/build/*/bundle.json"))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("app/two\nlines", r"app/two\\nlines .*line break"),
        ("app/back\\slash", r"app/back\\\\slash .*backslash"),
        ("app/bell\a", r"app/bell\\x07 "),
        ("app/caf\udce9", r"app/caf\\udce9 .*not UTF-8"),
        ("app/caf\N{REPLACEMENT CHARACTER}", r"app/caf\\ufffd .*not UTF-8"),
    ],
)
def test_a_name_that_sha256sum_would_escape_is_refused(path: str, shown: str, tmp_path: Path) -> None:
    refused(ci_app(tmp_path, tree={**TREE, path: b""}), shown)


def test_a_file_that_tagship_itself_writes_is_refused(tmp_path: Path) -> None:
    refused(
        ci_app(tmp_path, tree={**TREE, "SHA256SUMS": b""}, bundle={"include": ["SHA256SUMS"]}), "tagship itself writes"
    )


def test_a_path_from_two_sources_is_refused(tmp_path: Path) -> None:
    tree = {**TREE, "deploy/environments/dev.conf": b"PORT=1\n"}
    refused(ci_app(tmp_path, tree=tree), r"deploy/environments/dev\.conf would be in the bundle twice")


def test_what_python_compiled_of_built_files_is_left_out(tmp_path: Path) -> None:
    """A host's Python would write over it, and the release would count as altered."""
    for name in ("dist/app.py", "dist/__pycache__/app.cpython-312.pyc", "dist/deep/__pycache__/b.pyc", "dist/own.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    app = ci_app(tmp_path, bundle={"built": ["dist"]})
    bundle(app, artifact=VERSION)
    assert [name for name in tar_of(app).getnames() if name.startswith("dist/")] == ["dist/app.py", "dist/own.pyc"]


def test_a_built_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/link").symlink_to("/etc/passwd")
    refused(ci_app(tmp_path, bundle={"built": ["dist"]}), "dist/link is not a regular file")


@pytest.mark.parametrize("path", ["dist", "../outside", "/etc/hostname"])
def test_a_built_path_that_is_not_there_or_not_below_the_root_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"")
    root = tmp_path / "root"
    root.mkdir()
    refused(ci_app(root, bundle={"built": [path]}), "no such file|is not below")


def test_a_bundle_without_what_a_unit_runs_is_refused(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    app.target("dev").needed = ["deploy/started_by_units.sh"]
    refused(app, r"has no deploy/started_by_units\.sh, which dev runs")


def test_a_version_without_a_tag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"has a tag 0\.1\.1-dev") as caught:
        bundle(ci_app(tmp_path), artifact="0.1.1-dev")
    assert caught.value.remedy.startswith("See which there are: inv versions\n")
