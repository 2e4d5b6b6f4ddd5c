"""tagship's own release: the changelog, what a tag says of what it builds, and what release.yml may do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.release import changelog, dist, sealing
from scripts.release.sealing import Release
from tagship.domain.attestation import opened
from tagship.domain.provenance import Provenance
from tagship.errors import NotAuthentic, Refused, UsageError
from tests.fakes.signing import WordSigner

TOP = Path(__file__).parents[2]
LOG = "# Changelog\n\n## Unreleased\n\n- New.\n  Its second line.\n- Other.\n\n## 0.1.0 (2026-01-02)\n\n- Begun.\n"
SUMS = {"tagship-0.2.0-py3-none-any.whl": "a" * 64, "tagship-0.2.0.tar.gz": "b" * 64}
RELEASE = Release("0.2.0", "c" * 40, SUMS)


def test_what_is_unreleased_becomes_a_version_of_that_day_and_room_stays_above() -> None:
    cut = changelog.cut(LOG, "0.2.0", date(2026, 11, 29))
    assert "## Unreleased\n\n## 0.2.0 (2026-11-29)\n\n- New." in cut
    assert changelog.section(cut, "0.2.0") == "- New.\n  Its second line.\n- Other."
    assert changelog.section(cut, "0.1.0") == "- Begun."


@pytest.mark.parametrize("text", ["# Changelog\n", LOG.replace("- New.\n  Its second line.\n- Other.\n", "")])
def test_an_empty_changelog_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="says nothing below"):
        changelog.cut(text, "0.2.0", date(2026, 11, 29))


def test_a_version_is_not_taken_for_one_that_begins_alike() -> None:
    assert changelog.section("## 0.2.01 (2026-01-02)\n\n- Other.\n", "0.2.0") == ""


def test_our_changelog_can_be_cut() -> None:
    text = (TOP / changelog.FILE).read_text("utf-8")
    assert changelog.section(changelog.cut(text, "9.9.9", date(2026, 11, 29)), "9.9.9") == changelog.unreleased(text)


def test_a_tag_names_the_bytes_that_it_builds() -> None:
    assert sealing.check(sealing.message("0.2.0", SUMS), RELEASE, None) == b""


@pytest.mark.parametrize("text", ["tagship 0.2.0", sealing.message("0.2.0", dict.fromkeys(SUMS, "f" * 64))])
def test_other_bytes_than_the_tag_names_are_refused(text: str) -> None:
    with pytest.raises(NotAuthentic, match=r"has sha256 a+ here; the tag 0\.2\.0 says"):
        sealing.check(text, RELEASE, None)


def test_signed_provenance_travels_in_the_tag_and_is_verified() -> None:
    key = WordSigner()
    text = sealing.message("0.2.0", SUMS, sealing.seal(RELEASE, key, key, 1_700_000_000))
    envelope = sealing.check(text, RELEASE, key)
    made = Provenance.read(opened(envelope, "it")[0], "it")
    assert (made.commit, made.place) == ("c" * 40, "tagship/0.2.0")
    assert made.subjects == {name: f"sha256:{digest}" for name, digest in SUMS.items()}


def test_a_tag_without_a_signature_is_refused_once_releases_are_signed() -> None:
    with pytest.raises(NotAuthentic, match="carries no signed provenance"):
        sealing.check(sealing.message("0.2.0", SUMS), RELEASE, WordSigner())


def test_another_releases_provenance_is_refused() -> None:
    key, other = WordSigner(), Release("0.1.0", "c" * 40, SUMS)
    text = sealing.message("0.2.0", SUMS, sealing.seal(other, key, key, 1_700_000_000))
    with pytest.raises(NotAuthentic, match="about another build"):
        sealing.check(text, RELEASE, key)


def test_provenance_signed_by_somebody_else_is_refused() -> None:
    key = WordSigner()
    text = sealing.message("0.2.0", SUMS, sealing.seal(RELEASE, key, key, 1_700_000_000))
    with pytest.raises(NotAuthentic):
        sealing.check(text, RELEASE, WordSigner("somebody"))


def test_a_key_is_asked_for_when_releases_are_signed_and_refused_when_not(tmp_path: Path) -> None:
    sealing.required(tmp_path, "")
    with pytest.raises(UsageError, match="not there to verify"):
        sealing.required(tmp_path, "key.pem")
    (tmp_path / sealing.KEYS).parent.mkdir(parents=True)
    (tmp_path / sealing.KEYS).write_text("", "utf-8")
    sealing.required(tmp_path, "key.pem")
    with pytest.raises(UsageError, match="a release is signed"):
        sealing.required(tmp_path, "")


def test_digests_are_read_as_they_are_written() -> None:
    assert dist.read_sums(f"tagship 0.2.0\n\n{dist.written(SUMS)}\n") == SUMS


def test_the_back_end_is_locked_as_development_has_it() -> None:
    lock = (TOP / "constraints.txt").read_text("utf-8")
    entries = dist.LOCK.read_text("utf-8").replace("\\\n", "\\\0").splitlines()
    assert len(entries) > 5
    for entry in entries:
        assert entry.replace("\\\0", "\\\n") + "\n" in lock


def jobs() -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load((TOP / ".github/workflows/release.yml").read_text("utf-8"))
    return workflow["jobs"]


def test_who_has_an_identity_runs_nothing_of_the_project() -> None:
    trusted = [job for job in jobs().values() if "id-token" in job["permissions"]]
    steps = [step for job in trusted for step in job["steps"]]
    assert len(trusted) == 1
    assert not [step for step in steps if "run" in step or step["uses"].startswith(("./", "actions/checkout@"))]


def test_who_builds_can_write_nothing() -> None:
    assert jobs()["build"]["permissions"] == {"contents": "read"}


def test_each_step_is_one_of_our_tasks_or_a_pinned_action() -> None:
    steps = [step for job in jobs().values() for step in job["steps"]]
    lines = [step["run"] for step in steps if "run" in step]
    assert lines == ["inv release.build", 'inv release.publish --built "$BUILT"']
