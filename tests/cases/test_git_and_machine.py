"""Repositories, remotes and machines that a release met, and failed on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cases.world import DEFECT, ENDED, TAGSHIP, World, said
from tests.checkout import git


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# -- what takes longest, so it begins ----------------------------------------------------------------------------------


def test_a_pre_push_hook_may_take_two_minutes(world: World) -> None:
    hook = world.work / ".git/hooks/pre-push"
    hook.write_text('#!/bin/sh\necho "running the tests"; sleep 130; echo "tests passed"\n', "utf-8")
    hook.chmod(0o755)
    done = world.ship("--first")
    assert done.returncode == 0, done.stderr
    assert world.tags_there() == ["0.1.0-dev"]
    assert "running the tests" in said(done)


# -- credentials, users, readers ---------------------------------------------------------------------------------------


@pytest.fixture
def helper(world: World) -> dict[str, str]:
    """AWS_PROFILE names a profile for other work, whose credential process prints something else than JSON."""
    config = "[profile work]\nregion = us-east-1\ncredential_process = /bin/echo please sign in\n"
    return {"AWS_CONFIG_FILE": str(world.program("aws", config)), "AWS_PROFILE": "work"}


def test_a_release_goes_on_without_the_aws_credentials_that_a_helper_does_not_give(
    world: World, helper: dict[str, str]
) -> None:
    world.first()
    world.change("Two")
    done = world.ship(**helper)
    assert done.returncode == 0, done.stderr
    assert world.tags_there() == ["0.1.0-dev", "0.1.1-dev"]


def test_a_credential_helper_that_prints_nonsense_is_named_as_what_failed(world: World, helper: dict[str, str]) -> None:
    done = world.run("status", **helper)
    assert DEFECT not in done.stderr
    assert done.returncode not in (0, 1), said(done)


def test_a_user_id_without_a_name_can_release(world: World) -> None:
    world.change("Two")
    nameless = ("env", "-u", "USER", "unshare", "--user", "--map-user=12345")
    done = world.ship("--first", prefix=nameless)
    assert done.returncode == 0, done.stderr
    assert world.tags_there() == ["0.1.0-dev"]


def shell(world: World, line: str) -> ENDED:
    return subprocess.run(
        ["bash", "-c", line], cwd=world.work, env=world.environment, capture_output=True, text=True, check=False
    )


def test_a_reader_that_ends_early_is_no_error(world: World) -> None:
    for number in range(100):
        git(world.work, "tag", "--annotate", "--message", "x", f"0.{number // 10}.{number % 10}-dev")
    listing = f"{TAGSHIP} versions --count 100 --json --offline"
    for reader in ("head -1", "true"):
        done = shell(world, f"{listing} | {reader}")
        assert "error" not in done.stderr, done.stderr
        assert "0.9.9-dev" in done.stderr, "the table for people, whole"


# -- what a remote says and does ---------------------------------------------------------------------------------------


def by_ssh(world: World, script: str) -> None:
    """Speak ssh to origin by a program of the test's own."""
    git(world.work, "config", "core.sshCommand", str(world.program("ssh", f"#!/bin/sh\n{script}\n")))
    git(world.work, "config", "ssh.variant", "simple")
    git(world.work, "remote", "set-url", "origin", f"ssh://git@host{world.remote}")


@pytest.fixture
def stays(world: World) -> Iterator[World]:
    """Each connection leaves a process behind that keeps its stderr open, as ssh's ControlPersist did."""
    pids = world.folder / "pids"
    leave = f"sleep 125 >/dev/null </dev/null & echo $! >>{pids}"
    by_ssh(world, f'{leave}\nfor last; do :; done\neval "exec git ${{last#git-}}"')
    yield world
    for pid in pids.read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def test_a_process_that_git_leaves_behind_is_not_waited_for(stays: World) -> None:
    began = time.monotonic()
    done = stays.ship("--first")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 60


def test_terminal_escapes_of_a_remote_are_spelled_out(world: World) -> None:
    by_ssh(world, r'printf "fatal: remote error: \033[2J\033[1;1Hall is well\n" >&2; exit 128')
    done = world.ship("--first")
    assert done.returncode not in (0, 1)
    assert "all is well" in done.stderr
    assert "\033" not in said(done)


def test_a_rule_of_the_server_that_refuses_a_tag_is_quoted(world: World) -> None:
    rule = 'echo "policy 7: only the release team may create $ref; see https://git.example.com/rules"; exit 1'
    world.hook("pre-receive", f"while read -r _ _ ref; do case $ref in refs/tags/*) {rule};; esac; done\n")
    world.change("Two")
    done = world.ship("--first")
    assert done.returncode not in (0, 1)
    assert "policy 7: only the release team may create refs/tags/0.1.0-dev" in done.stderr
    assert world.tags_there() == []


def test_what_is_said_of_a_push_to_two_urls_is_what_each_has(world: World) -> None:
    mirror = world.folder / "mirror.git"
    git(world.folder, "init", "--quiet", "--bare", str(mirror))
    world.remote, origin = mirror, world.remote
    world.hook("pre-receive", "exit 1\n")
    world.remote = origin
    for url in (origin, mirror):
        git(world.work, "remote", "set-url", "--add", "--push", "origin", str(url))
    done = world.ship("--first")
    assert done.returncode not in (0, 1)
    assert world.tags_there() == ["0.1.0-dev"], "origin took it, and CI ships it"
    assert "0.1.0-dev" in world.tags_here(), "what landed anywhere keeps its local tag"
    assert re.search(rf"{re.escape(str(origin))}\S* has", done.stderr), done.stderr


@pytest.mark.parametrize(
    "url",
    ["git@github-work:acme/shop.git", "ssh://git@ssh.github.com:443/acme/shop.git", "git@github.com:/acme/shop.git"],
)
def test_a_remote_that_is_no_plain_github_address_is_not_called_a_missing_token(world: World, url: str) -> None:
    world.write(".github/workflows/deploy-dev.yml", 'on: { push: { tags: ["*-dev"] } }\n')
    world.change("Deploy what is tagged")
    receive, upload = (f"exec git {service} {world.remote}" for service in ("receive-pack", "upload-pack"))
    script = f"#!/bin/sh\nfor last; do :; done\ncase $last in *receive-pack*) {receive};; *) {upload};; esac\n"
    git(world.work, "config", "core.sshCommand", str(world.program("ssh", script)))
    git(world.work, "config", "ssh.variant", "ssh")
    git(world.work, "remote", "set-url", "origin", url)
    done = world.run("deploy-dev", "--first", "--yes", GITHUB_TOKEN="abc", HTTPS_PROXY="http://127.0.0.1:9")
    assert world.tags_there() == ["0.1.0-dev"], said(done)
    assert DEFECT not in done.stderr
    assert "there is no GitHub token" not in said(done)
    assert "github-work" not in url or 'repository = "acme/shop"' in said(done)


# -- repositories ------------------------------------------------------------------------------------------------------


def test_a_submodule_whose_commits_are_not_pushed_stops_no_release(world: World) -> None:
    named = ("-c", "user.name=Tess", "-c", "user.email=tess@example.org")
    source, lib = world.folder / "lib", world.work / "vendor/lib"
    git(world.folder, "init", "--quiet", "--initial-branch=main", str(source))
    git(source, *named, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    git(world.folder, "clone", "--quiet", "--bare", str(source), "lib.git")
    git(world.work, "-c", "protocol.file.allow=always", "submodule", "add", f"{source}.git", "vendor/lib")
    git(lib, *named, "commit", "--quiet", "--allow-empty", "--message", "Mend it here alone")
    world.change("Take the newer lib")
    git(world.work, "config", "submodule.recurse", "true")
    done = world.ship("--first")
    assert done.returncode == 0, done.stderr
    assert world.tags_there() == ["0.1.0-dev"]


def test_a_tag_keeps_every_letter_of_its_notes(world: World) -> None:
    world.first()
    git(world.work, "config", "i18n.logOutputEncoding", "ISO-8859-1")
    world.change("Grüße: naïve café")
    assert world.ship().returncode == 0
    assert "Grüße: naïve café" in git(world.remote, "cat-file", "-p", "0.1.1-dev")


def test_a_tag_whose_time_zone_cannot_be_stops_no_release(world: World) -> None:
    world.first()
    commit = world.change("Two")
    world.share()
    text = f"object {commit}\ntype commit\ntag 0.1.1-dev\ntagger Old Hand <old@example.org> 1312735823 +5130\n\nold\n"
    tag = git(world.work, "hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=text)
    git(world.work, "update-ref", "refs/tags/0.1.1-dev", tag)
    git(world.work, "push", "--quiet", "origin", "refs/tags/0.1.1-dev")
    world.change("Three")
    done = world.ship()
    assert done.returncode == 0, done.stderr
    assert "0.1.2-dev" in world.tags_there()


def test_a_tag_with_a_number_of_ten_digits_is_named(world: World) -> None:
    world.release("1.0.1732782000-dev")
    done = world.ship()
    assert done.returncode == 3
    assert "1.0.1732782000-dev" in said(done)


def test_no_version_is_made_that_cannot_be_read_back(world: World) -> None:
    world.release("0.1.999999999-dev")
    world.change("Two")
    world.ship()
    made = git(world.work, "tag", "--points-at", "HEAD").split()
    listed = world.run("versions", "--offline").stdout
    assert [name for name in made if name not in listed] == []


# -- bundles -----------------------------------------------------------------------------------------------------------


def test_a_pointer_of_git_lfs_is_not_shipped_as_its_file(world: World) -> None:
    world.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    world.write("assets/model.bin", f"version https://git-lfs.github.com/spec/v1\noid sha256:{7:064d}\nsize 18151\n")
    for part in ("clean", "smudge"):
        git(world.work, "config", f"filter.lfs.{part}", "cat")
    world.change("Add a model")
    world.first()
    done = world.run("bundle", "--version", "0.1.0-dev")
    assert done.returncode == 3
    assert "assets/model.bin" in done.stderr
    assert "LFS" in done.stderr


def test_what_tagship_writes_is_not_in_its_own_way(world: World) -> None:
    git(world.work, "rm", "--quiet", ".gitignore")
    world.commit("Ignore nothing")
    world.first()
    assert world.run("bundle", "--version", "0.1.0-dev").returncode == 0
    (world.work / "note").write_text("two\n")
    git(world.work, "commit", "--quiet", "--all", "--message", "Two")
    done = world.ship()
    assert done.returncode == 0, said(done)
