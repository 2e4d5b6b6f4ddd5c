"""rollback to a version from before tagship: its archive is taken by name, once somebody was told what is not known."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shlex
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tagship.domain import layout
from tagship.domain.version import ArtifactId
from tagship.errors import ArtifactMissing, Interrupted, NotAuthentic, Refused, ServiceFailed, UsageError
from tagship.release import legacy, repacking
from tagship.settings.legacy import legacy_problems
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.prompt import FakePrompt
from tests.fakes.signing import WordSigner
from tests.fakes.target import FakeTarget, machine

OLD, NEW = "1.2.3-dev", "1.3.0-dev"
PATTERN = "{app}/{tag}/{app}-{tag}.tar.gz"
KEY = f"hello/{OLD}/hello-{OLD}.tar.gz"
FILES = {"./app.py": b"print('old')\n", "./VERSION": b"of the team's own\n", "./data/a.txt": b"a"}


def archive(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(entry, io.BytesIO(content))
        for name, to in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, to
            tar.addfile(entry)
    return raw.getvalue()


def adopted(root: Path, content: bytes | None = None, *, key: str = KEY, **changes: Any) -> FakeApp:
    """dev, on which NEW was deployed by tagship, and in whose bucket there is an archive from before."""
    both = WordSigner()
    given = {"legacy_keys": [PATTERN], **changes}
    app = FakeApp(settings(**given), root=root, hosts=FakeTarget([machine("web-1")]), signer=both, verifier=both)
    app.publish(NEW)
    deploy(app, artifact=NEW)
    app.store.create(key, content or archive(FILES))
    app.clock.advance(60)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    app.store.writes.clear()
    return app


def members(app: FakeApp) -> dict[str, tuple[bytes, int]]:
    body = app.store.objects[layout.artifact("hello", "dev", OLD, layout.BUNDLE)].body
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(body))) as tar:
        files = {entry.name: (tar.extractfile(entry), entry.mode) for entry in tar}
        return {name: (file.read() if file else b"", mode) for name, (file, mode) in files.items()}


def test_without_a_terminal_it_needs_a_flag_and_says_what_nobody_knows(tmp_path: Path) -> None:
    app = adopted(tmp_path)
    with pytest.raises(UsageError) as caught:
        rollback(app, to=OLD, yes=True)
    assert caught.value.what == f"{OLD} is an archive that nobody signed: taking it needs --allow-legacy."
    assert f"inv rollback --to {OLD} --env dev --yes --allow-legacy" in caught.value.remedy
    assert f"s3://hello-artifacts/{KEY}" in app.screen.text
    assert "its author, its commit and its integrity can't be verified" in app.screen.text
    assert app.store.writes == []


def test_it_becomes_a_signed_artifact_and_the_environment_goes_back_to_it(tmp_path: Path) -> None:
    app = adopted(tmp_path)
    result = rollback(app, to=OLD, allow_legacy=True)
    assert (result.state, result.plan.replaces) == ("healthy", NEW)
    assert app.hosts.sent == [("rollback", OLD, ["web-1"])]
    keys = [layout.artifact("hello", "dev", OLD, name) for name in (layout.BUNDLE, layout.SIGNATURE, layout.MANIFEST)]
    assert [key for _, key in app.store.writes if f"/{OLD}/" in key] == keys
    manifest = json.loads(app.store.objects[keys[-1]].body)
    assert manifest["legacy"]["key"] == KEY
    assert (manifest["commit"], manifest["builder"]) == ("", "")
    assert f"{OLD} is an artifact of dev now: signed and stored by ada@laptop" in app.screen.text


def test_its_bundle_has_the_archives_files_and_our_own_in_place_of_theirs(tmp_path: Path) -> None:
    app = adopted(
        tmp_path, archive(FILES | {"./run.sh": b"#!/bin/sh\n", "__pycache__/x.pyc": b"x"}, {"link.txt": "data/a.txt"})
    )
    rollback(app, to=OLD, allow_legacy=True)
    files = members(app)
    assert files["app.py"] == (b"print('old')\n", 0o644)
    assert files["run.sh"] == (b"#!/bin/sh\n", 0o755)
    assert files["link.txt"][0] == b"a"
    assert files["VERSION"][0] == f"{OLD}\n".encode()
    assert "deploy/environments/dev.conf" in files
    assert not any("__pycache__" in name for name in files)


def test_a_folder_of_the_version_around_all_files_is_taken_off(tmp_path: Path) -> None:
    app = adopted(tmp_path, archive({f"hello-{OLD}/app.py": b"1", f"hello-{OLD}/a/b": b"2"}))
    rollback(app, to=OLD, allow_legacy=True)
    assert {"app.py", "a/b"} <= members(app).keys()


def test_a_person_is_asked_and_may_say_no(tmp_path: Path) -> None:
    app = adopted(tmp_path)
    app.prompt = FakePrompt(False)
    with pytest.raises(Interrupted):
        rollback(app, to=OLD)
    assert app.prompt.asked == ["Sign it as it is, and go back to it?"]
    assert app.store.writes == []
    app.prompt = FakePrompt(True)
    assert rollback(app, to=OLD).state == "healthy"


def test_it_can_be_gone_back_to_again_without_being_taken_again(tmp_path: Path) -> None:
    app = adopted(tmp_path)
    rollback(app, to=OLD, allow_legacy=True)
    app.clock.advance(60)
    rollback(app, to=NEW, allow_bad=True)
    app.clock.advance(60)
    assert rollback(app, to=OLD, allow_bad=True).state == "healthy"


def test_a_rollback_that_failed_before_it_ran_can_be_repeated(tmp_path: Path) -> None:
    app = adopted(tmp_path)

    def lost(*_: object, **__: object) -> None:
        raise ServiceFailed("AWS does not answer.", remedy="Run the same command again")

    app.leases.take = lost  # type: ignore[method-assign, assignment]
    with pytest.raises(ServiceFailed):
        rollback(app, to=OLD, allow_legacy=True)
    again = replace(app, leases=None, screen=type(app.screen)())  # type: ignore[arg-type]
    assert rollback(again, to=OLD).state == "healthy"


def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    app = adopted(tmp_path)
    assert rollback(app, to=OLD, dry_run=True).state == "planned"
    assert app.store.writes == []


def test_without_a_name_it_is_never_chosen(tmp_path: Path) -> None:
    app = adopted(tmp_path)
    with pytest.raises(Refused, match="no other version that was healthy there is still stored"):
        rollback(app, yes=True)


def test_the_older_layout_that_names_the_version_needs_no_setting(tmp_path: Path) -> None:
    app = adopted(tmp_path, key=f"bundles/dev/deploy-bundle-{OLD}.tar.gz", legacy_keys=[])
    assert rollback(app, to=OLD, allow_legacy=True).state == "healthy"


def test_a_version_that_tagship_deployed_is_not_taken_from_an_archive(tmp_path: Path) -> None:
    """Whoever may write to the bucket could put one in its place."""
    app = adopted(tmp_path)
    app.publish(OLD)
    deploy(app, artifact=OLD, allow_older=True)
    app.remove(OLD)
    assert KEY in app.store.objects  # which is as a team's bucket would have it
    app.clock.advance(60)
    deploy(app, artifact=NEW)
    with pytest.raises(ArtifactMissing, match="has been removed from the bucket since"):
        rollback(app, to=OLD, allow_legacy=True)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"no tar at all", NotAuthentic, "can't be read as a tar.gz"),
        (archive(FILES)[:-20], NotAuthentic, "can't be read as a tar.gz"),
        (archive(FILES)[:40] + b"\xff" * 20 + archive(FILES)[60:], NotAuthentic, "can't be read as a tar.gz"),
        (gzip.compress(bytes(130_000_000)), NotAuthentic, "it unpacks to more than 100 times its size"),
        (archive({"../../etc/passwd": b""}), Refused, "it is not below the bundle's top"),
        (archive({"/etc/passwd": b""}), Refused, "it is not below the bundle's top"),
        (archive(FILES, {"a": "/etc/passwd"}), Refused, "neither a file nor a link to one of the archive's files"),
        (archive(FILES, {"a": "a"}), Refused, "neither a file nor a link to one of the archive's files"),
    ],
    ids=["no tar", "cut short", "altered", "a bomb", "above the top", "absolute", "a link outside", "a link to itself"],
)
def test_what_is_no_archive_of_files_is_refused_before_anything_is_stored(
    tmp_path: Path, content: bytes, error: type[Exception], words: str
) -> None:
    app = adopted(tmp_path, content)
    with pytest.raises(error, match=words):
        rollback(app, to=OLD, allow_legacy=True)
    assert app.store.writes == []


def test_who_may_not_sign_is_told_who_may(tmp_path: Path) -> None:
    app = adopted(tmp_path)

    def denied(_: bytes) -> bytes:
        raise ServiceFailed("AccessDenied: kms:Sign", remedy="Ask for it")

    app.signer.sign = denied  # type: ignore[method-assign]
    with pytest.raises(ServiceFailed) as caught:
        rollback(app, to=OLD, allow_legacy=True)
    step = f"in a job of the GitHub environment dev: inv rollback --to {OLD} --env dev --yes --allow-legacy"
    assert caught.value.remedy.endswith(step)
    assert caught.value.state == f"The bundle of {OLD} is stored; without a manifest it is not an artifact."
    del app.signer.__dict__["sign"]
    assert rollback(app, to=OLD, allow_legacy=True).state == "healthy"


@pytest.mark.parametrize("name", legacy.WORKFLOWS)
def test_the_workflow_that_init_writes_is_named_with_the_inputs_that_it_has(tmp_path: Path, name: str) -> None:
    app = adopted(tmp_path)
    written = yaml.safe_load((Path(__file__).parents[3] / ".github/workflows/rollback.yml").read_text("utf-8"))
    file = tmp_path / ".github/workflows" / name
    file.parent.mkdir(parents=True)
    file.touch()
    remedy = legacy._by_ci(app, "dev", ArtifactId(OLD))
    words = shlex.split(remedy.partition(": ")[2])
    assert words[:4] == ["gh", "workflow", "run", name]
    given = dict(word.split("=", 1) for word in words[5::2])
    inputs = written[True]["workflow_dispatch"]["inputs"]
    assert set(given) <= set(inputs)
    assert given["allow"] in inputs["allow"]["options"]
    assert (given["to"], given["environment"]) == (OLD, "dev")


def test_what_an_attempt_left_that_was_made_by_other_settings_is_no_alarm(tmp_path: Path) -> None:
    app = adopted(tmp_path)
    app.store.create(layout.artifact("hello", "dev", OLD, layout.SIGNATURE), b"of another manifest")
    with pytest.raises(Refused, match="exists with other bytes, from an attempt that was cut off") as caught:
        rollback(app, to=OLD, allow_legacy=True)
    assert f"aws s3 rm s3://hello-artifacts/hello/dev/{OLD}/{layout.SIGNATURE}" in caught.value.remedy
    assert "gh workflow" not in caught.value.remedy


def test_a_full_disk_is_not_called_a_bad_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = adopted(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(repacking, "_unzip", full)
    with pytest.raises(OSError, match="No space left"):
        rollback(app, to=OLD, allow_legacy=True)
    assert app.store.writes == []


def test_where_provenance_is_required_it_is_refused(tmp_path: Path) -> None:
    app = adopted(tmp_path)
    app.settings = settings(legacy_keys=[PATTERN], environments=environments(require_attestation=True))
    with pytest.raises(NotAuthentic, match="has no provenance"):
        rollback(app, to=OLD, allow_legacy=True)
    assert app.store.writes == []


@pytest.mark.parametrize(
    "pattern", ["{app}/x.tar.gz", "/{tag}.tar.gz", "{who}/{tag}.tar.gz", "{tag}.zip", "../{tag}.tgz"]
)
def test_a_pattern_that_names_no_archive_of_a_version_is_refused(pattern: str) -> None:
    (place, problem), *more = legacy_problems([pattern])
    assert (place, more) == ("legacy_keys", [])
    assert problem.startswith(f'has "{pattern}"')


def test_the_pattern_of_the_documentation_is_taken() -> None:
    assert list(legacy_problems([PATTERN, "{environment}/{tag}.tgz", 7])) == []
