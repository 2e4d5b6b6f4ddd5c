"""Tags with a prefix, apps in folders of one repository: none ever reads another's version as its own. Real git."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tagship.adapters.git import GitRepository
from tagship.errors import UsageError
from tests.checkout import Checkout, git


class Apps(Checkout):
    """A repository of two apps: `api` and `web`."""

    def _lay(self) -> None:
        super()._lay()
        for name in ("api", "web"):
            self.change(name, f"Begin {name}")
        (self.work / ".github/workflows").mkdir(parents=True)
        (self.work / ".github/workflows/api.yml").write_text("on: push\n")
        git(self.work, "add", ".")
        git(self.work, "commit", "--quiet", "-m", "Workflows")
        self.share()

    def change(self, name: str, subject: str) -> str:
        folder = self.work / name
        folder.mkdir(exist_ok=True)
        (folder / "app.py").write_text(subject)
        git(self.work, "add", name)
        git(self.work, "commit", "--quiet", "-m", subject)
        return self.head

    def of(self, name: str, prefix: str | None = None) -> GitRepository:
        return GitRepository(self.work / name, inherited=os.environ, prefix=f"{name}-" if prefix is None else prefix)


@pytest.fixture
def apps(tmp_path: Path) -> Apps:
    return Apps(tmp_path)


def newest(repository: GitRepository, suffix: str = "dev") -> Sequence[str]:
    return [str(version) for version in repository.newest(suffix, 5).versions]


def test_a_tag_is_made_pushed_read_and_undone_by_its_version(apps: Apps) -> None:
    repository = apps.of("", "v")
    made = repository.create_tag("1.2.3-dev", apps.head, "First")
    assert (made.name, made.version) == ("v1.2.3-dev", "1.2.3-dev")
    assert apps.tags_here() == ["v1.2.3-dev"]
    assert repository.push(apps.head, "dev", made).ok
    assert apps.tags_there() == ["v1.2.3-dev"]
    assert repository.remote_tag("1.2.3-dev") == repository.tag("1.2.3-dev") == made
    assert "refs/tags/v1.2.3-dev:refs/tags/v1.2.3-dev" in repository.push_commands(apps.head, "", "1.2.3-dev", "m")[-1]
    assert repository.undo(made).ok
    assert repository.delete_tag(made)
    assert apps.tags_there() == apps.tags_here() == []


@pytest.mark.parametrize("prefix", ["", "v", "api-", "api/v", "web_"])
def test_only_tags_of_the_prefix_are_versions(apps: Apps, prefix: str) -> None:
    for number, other in enumerate(["", "v", "api-", "api-v", "api/v", "web_", "web_v"]):
        apps.release(f"{other}{number}.9.0-dev")
        apps.release(f"{other}{number}.10.0-dev")
        apps.release(f"{other}{number}.99.0-prod")
        apps.release(f"{other}{number}.99.0")
    number = ["", "v", "api-", "api-v", "api/v", "web_", "web_v"].index(prefix)
    repository = apps.of("", prefix)
    assert newest(repository) == [f"{number}.10.0-dev", f"{number}.9.0-dev"]
    assert newest(repository, "") == [f"{number}.99.0"]
    assert prefix not in repository.others()
    assert len(repository.others()) == 6


def test_a_fetch_brings_the_own_channel_alone_and_says_which_tag_moved(apps: Apps) -> None:
    apps.release("api-0.1.0-dev")
    apps.release("web-0.1.0-dev")
    for name in ("api-0.1.0-dev", "web-0.1.0-dev"):
        apps.grace_tags(name, "HEAD~1", force=True)
    apps.grace_tags("api-0.2.0-dev")
    apps.grace_tags("web-0.2.0-dev")
    assert apps.of("api").fetch("dev", "dev") == ["api-0.1.0-dev"]
    assert "api-0.2.0-dev" in apps.tags_here()
    assert "web-0.2.0-dev" not in apps.tags_here()


def test_a_name_that_only_looks_like_a_version_is_named_in_full(apps: Apps) -> None:
    apps.tag("v01.2.3-dev")
    channel = apps.of("", "v").newest("dev", 5)
    assert channel.why_passed_over() == ["The tag v01.2.3-dev is ignored: a number starts with 0."]


def test_others_are_those_of_the_remote_too(apps: Apps) -> None:
    apps.grace_tags("v1.9.0")
    apps.grace_tags("v1.10.0")
    apps.grace_tags("release-2.0.0")
    apps.grace_tags("nightly-20261129")
    apps.grace_tags("x1.0")
    repository = GitRepository(apps.work, inherited=os.environ)
    assert repository.others() == {"v": "v1.10.0", "release-": "release-2.0.0"}
    assert apps.tags_here() == []


def test_a_folder_is_an_app_by_itself(apps: Apps) -> None:
    api, web = apps.of("api"), apps.of("web")
    assert (api.folder, web.folder, apps.of("").folder) == ("api", "web", "")
    since = apps.head
    apps.change("web", "Change web")
    until = apps.change("api", "Change api")
    assert api.log(since, until) == ["Change api"]
    assert web.log(since, until) == ["Change web"]
    assert apps.of("").log(since, until) == ["Change api", "Change web"]
    (apps.work / "web/app.py").write_text("edited")
    assert api.state("dev").dirty == ()
    assert web.state("dev").dirty == ("web/app.py",)


def test_the_files_of_a_folder_have_its_own_paths(apps: Apps) -> None:
    api = apps.of("api")
    assert api.paths(apps.head) == ["app.py"]
    [(path, _, size, read)] = [(*file[:3], file[3](file[2])) for file in api.files(apps.head, ["app.py"])]
    assert (path, read) == ("app.py", b"Begin api")
    assert size == len(read)
    with pytest.raises(UsageError, match="has no file web"):
        list(api.files(apps.head, ["web"]))
    assert [file[0] for file in api.files(apps.head, ["/.github/workflows"])] == [".github/workflows/api.yml"]


def test_edits_are_those_of_files_that_git_has_in_the_folder(apps: Apps) -> None:
    for name in ("api/app.py", "web/app.py"):
        (apps.work / name).write_text("edited")
    (apps.work / "api/new.py").write_text("nobody added it")
    assert apps.of("api").edited() == ["app.py"]
    assert apps.of("").edited() == ["api/app.py", "web/app.py"]
    git(apps.work, "add", "api/app.py")
    assert apps.of("api").edited() == ["app.py"]
    git(apps.work, "checkout", "--quiet", "HEAD", "--", ".")
    assert apps.of("").edited() == []
