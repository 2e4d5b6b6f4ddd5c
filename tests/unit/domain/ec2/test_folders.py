"""Folders of a host: what is wrong with those that the settings name, and what the settings would say of others."""

from __future__ import annotations

import tomllib

import pytest

from tagship.domain.ec2.folders import OwnedPath, folders_of, proposed, unmapped, wrong

DATA = "/srv/data:/srv/data:true:1000:1001:ada:staff:used"


def problem(owner: str, *texts: str) -> str:
    return "; ".join(what for what, _ in wrong([OwnedPath("/srv/data", owner)], folders_of(list(texts))))


@pytest.mark.parametrize("owner", ["", "ada", "1000", "ada:staff", "1000:1001", "ada:1001"])
def test_a_folder_of_the_right_owner_by_name_or_number_is_right(owner: str) -> None:
    assert problem(owner, DATA) == ""


@pytest.mark.parametrize("owner", ["bob", "1001", "ada:root", "1000:1000"])
def test_a_folder_of_another_owner_is_told_with_the_command_for_it(owner: str) -> None:
    assert problem(owner, DATA) == f"/srv/data of volumes belongs to ada:staff (1000:1001), not to {owner}"
    [(_, fix)] = wrong([OwnedPath("/srv/data", owner)], folders_of([DATA]))
    assert fix == f"On the host: chown -R {owner} /srv/data; or correct its owner in tagship.toml"


def test_a_missing_folder_is_told_unless_a_deployment_makes_it() -> None:
    assert problem("") == "/srv/data of volumes is missing"
    assert problem("ada") == ""
    assert problem("bob", DATA.replace("used", "empty")) == ""


def test_what_a_container_had_mounted_becomes_lines_with_numbers_for_owners() -> None:
    texts = [
        "/opt/hello/data:/data:true:1000:1000:ubuntu:ubuntu:used",
        "/srv/logs:/logs:false:0:0:root:root:used",
        "/etc/hello.json:/app/hello.json:file",
        "/srv/?odd:/odd:true:0:0:root:root:used",
    ]
    lines = proposed("hello", texts, known=())
    assert tomllib.loads(f"volumes = [{', '.join(lines)}]")["volumes"] == [
        {"host": "/opt/hello.before-tagship/data", "container": "/data", "owner": "1000:1000"},
        {"host": "/srv/logs", "container": "/logs", "owner": "0:0", "read_only": True},
    ]
    assert unmapped(texts) == ["/etc/hello.json (a file, seen at /app/hello.json)", "/srv/?odd (seen at /odd)"]
    assert proposed("hello", texts, known={"/data", "/logs"}) == []


def test_the_folders_of_a_unit_keep_their_place_and_their_account() -> None:
    text = "/opt/hello/data:/opt/hello/data:true:998:998:{user}:{user}:used"
    [line] = proposed("hello", [text.format(user="shopkeeper")], known=())
    kept = '{ host = "/opt/hello.before-tagship/data", container = "/opt/hello/data", owner = '
    assert line == kept + '"shopkeeper" }'
    [line] = proposed("hello", [text.format(user="UNKNOWN")], known=())
    assert line == kept + '"998:998" }'


@pytest.mark.parametrize("texts", [None, "x", 3, [3], ["a:b"], ["a:b:c:d"]])
def test_what_is_written_otherwise_is_left_out(texts: object) -> None:
    assert folders_of(texts) == []
    assert proposed("hello", texts, known=()) == []
    assert unmapped(texts) == []
