"""Versions, ids, paths and values by the thousand, through the document, stage 1, the host program and user data.

Each arrives byte for byte, or is refused; and none is ever interpreted: each could leave a file `pwned`, and none does.

    make bench-shell    (all of it; make test one in thirty)
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tagship.domain.ec2 import document
from tagship.domain.ec2.order import Order
from tagship.domain.ec2.pointer import Pointer
from tagship.domain.keys import pinned
from tagship.domain.manifest import BundleRef, Manifest
from tagship.domain.secrets import SECRETS_MANAGER, SSM, SecretRef
from tests.program.test_secrets_values import HOST, PROGRAM
from tests.sandbox.bundles import ROOT, add, make, pack, public_pem, release_key
from tests.sandbox.bundles import settings as settings_of
from tests.sandbox.machine import ENTRY, TEMPLATE, Machine, machine
from tests.sandbox.records import sealed
from tests.sandbox.values import TEXT, each, made, untouched

SAY = 'printf "%s\\0" "$@"'  # a stage 1 that says what it was given


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Where the shells run: what a value makes them do would be seen here."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path / "machine") as one:
        yield one


@pytest.fixture(autouse=True)
def _nest(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()


def said(shell: str, script: str, folder: Path, variables: Mapping[str, str] | None = None) -> list[str]:
    """What a shell prints, cut at its NULs; it says nothing else, and leaves nothing."""
    done = subprocess.run(
        [shell, "-s"],
        input=script.encode(),
        cwd=folder,
        env=variables and {**variables},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    untouched(folder)
    return done.stdout.decode().split("\0")[:-1]


def nul(values: Sequence[str]) -> str:
    return "".join(f"{value}\0" for value in values)


# -- the document ------------------------------------------------------------------------------------------------------

RENDERED = json.loads(document.render(TEMPLATE, SAY))
PATTERNS = {name: one["allowedPattern"] for name, one in RENDERED["parameters"].items()}
[STEP] = RENDERED["mainSteps"]
LINES = STEP["inputs"]["runCommand"]
ARGUMENTS = re.findall(r"\{\{ (\w+) \}\}", LINES[1])


def accepted(name: str, value: str) -> bool:
    """What AWS lets through. A `$` may let one newline follow, depending on whose expression it is: so it does here."""
    return bool(re.search(PATTERNS[name], value))


@cache  # to make one takes longer than to draw from it
def of_parameter(name: str) -> st.SearchStrategy[str]:
    fine = st.from_regex(PATTERNS[name], fullmatch=True)
    return st.one_of(fine, fine, fine, fine, fine, TEXT, st.tuples(fine, TEXT).map("".join))


def test_the_documents_shell_hands_stage_1_each_accepted_value_exactly(empty: Path) -> None:
    """As the agent does it: a value is put into the text, and the pattern alone keeps it from meaning anything."""
    through = 0

    def judge(cases: Sequence[tuple[str, str]]) -> None:
        nonlocal through
        script, wanted = "", []
        for name, value in cases:
            if accepted(name, value):
                given_ = {**dict.fromkeys(ARGUMENTS, "x"), name: value}
                line = re.sub(r"\{\{ (\w+) \}\}", lambda found: given_[found[1]], LINES[1])  # noqa: B023 (used at once)
                script += "\n".join(["(", LINES[0], line, *LINES[2:], ")", ""])
                wanted += [given_[one] for one in ARGUMENTS]
                assert shlex.quote(value.removesuffix("\n")) == value.removesuffix("\n")
        assert said("sh", script, empty) == wanted
        through += len(wanted) // len(ARGUMENTS)

    cases = made(st.sampled_from(ARGUMENTS).flatmap(lambda name: st.tuples(st.just(name), of_parameter(name))))
    each("the document's parameters", cases, judge, 100)
    print(f"  {through:,} of them were let through by their pattern")
    assert len(cases) // 4 < through < len(cases)


def test_the_fallback_hands_stage_1_exactly_what_it_was_given(empty: Path) -> None:
    """AWS-RunShellScript's lines have no patterns: quoting alone stands between the values and the shell."""

    def judge(texts: Sequence[str]) -> None:
        orders = [
            Order(text, text, text, text, text, text, 1, text, text, unsigned=text, numbers=text) for text in texts
        ]
        script = "".join("\n".join(["(", *document.fallback_commands(one, SAY), ")", ""]) for one in orders)
        told = [document.parameters(one) for one in orders]
        assert said("sh", script, empty) == [
            word for one in told for name, [word] in one.items() if name != "executionTimeout"
        ]

    each("the fallback's arguments", made(TEXT), judge, 50)


# -- stage 1 -----------------------------------------------------------------------------------------------------------

WORD = re.compile(r"[0-9A-Za-z.-]+\Z")
NEEDED = ("action", "app", "environment", "bucket", "region", "unsigned")  # these may not be left out
FIELDS = (*NEEDED, "artifact_id", "manifest_sha256", "deployment_id", "numbers")


def test_stage_1_refuses_what_is_no_name(host: Machine, empty: Path) -> None:
    """One argument is that text, and the others are right. (A plain word is nothing to a shell, and may be a name.)"""
    texts = made(st.tuples(st.sampled_from(FIELDS), TEXT.filter(lambda text: not WORD.match(text))))
    cases = [(field if text or field in NEEDED else "app", text) for field, text in texts]
    base = host.order("deploy", make("0.1.1-dev"))

    def judge(some: Sequence[tuple[str, str]]) -> None:
        orders = [replace(base, **{field: text}) for field, text in some]  # type: ignore[arg-type]
        script = "".join(
            "\n".join(["(", *document.fallback_commands(one, ENTRY), ") || code=$?", "printf '\\0%s\\0' \"$code\"", ""])
            for one in orders
        )
        told = said("sh", f"code=0\n{script}", empty, host.environment({}))
        assert told[1::2] == ["5"] * len(some)
        for output in told[::2]:
            verdict = json.loads(output.split("\n", 1)[0])
            assert (verdict["outcome"], verdict["serving"]) == ("refused", "")
        assert not (host.root / "opt").exists()
        assert sorted(one.name for one in host.root.iterdir()) == ["bin", "etc"]

    each("stage 1's arguments", cases, judge, 25)


SEEN = """#!/usr/bin/env bash
cd "$TAGSHIP_BASE/releases/$TAGSHIP_ARTIFACT/made" && find . -type f -exec sha256sum -z {} + | sort -z
"""


def fine(name: str) -> bool:
    """Whether a path is one that a bundle may hold."""
    parts = name.split("/")
    return not re.search(r"[\x00-\x1f\x7f\\]", name) and not {"", ".", ".."} & set(parts)


def test_a_path_arrives_exactly_or_its_bundle_is_refused(host: Machine, empty: Path) -> None:
    """Through the whole of stage 1, up to a program of the bundle's own, which says what is there."""
    count = {True: 0, False: 0}

    def judge(names: Sequence[str]) -> None:
        arrives = [name for name in names if fine(name)]
        if arrives:
            shipped(host, arrives)
        refused(host, empty, [name for name in names if not fine(name)])
        count[True] += len(arrives)
        count[False] += len(names) - len(arrives)

    each("paths of a bundle", made(TEXT.map(lambda text: text.encode()[:120].decode(errors="ignore"))), judge, 100)
    print(f"  {count[True]:,} arrived, {count[False]:,} were refused")
    assert min(count.values()) > 0


def shipped(host: Machine, names: Sequence[str]) -> None:
    """A bundle of these files, each in a folder of its own, told apart by what they hold."""
    files = {f"made/{number}/{name}": f"{number}".encode() for number, name in enumerate(names)}
    bundle = make(f"0.1.{host.count}-dev", more={**files, "deploy/ec2_deploy.sh": SEEN.encode()})
    bundle.put(host.bucket)
    process = host.start(host.order("deploy", bundle))
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, ""), output
    found = dict(line.split("  ./", 1)[::-1] for line in output.split("\0")[:-1])
    wanted = {path.removeprefix("made/"): path for path in files}
    assert sorted(found) == sorted(wanted)
    assert {path: json.loads(bundle.manifest)["files"][wanted[path]] for path in found} == found
    shutil.rmtree(host.base / "releases")
    assert not list(host.root.rglob("pwned"))


LOOK = """
. "$1"
shift
ARTIFACT=a M_size=1000 M_unpacked=0
for file; do if look_into_tar "$file"; then printf 'taken\\0'; else printf '%s\\0' "$REASON"; fi; done
"""


def refused(host: Machine, empty: Path, names: Sequence[str]) -> None:
    """Each of the names in a tar of its own, which the tar's look says no to."""
    folder = host.root / "tars"
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        (folder / str(number)).write_bytes(pack({"VERSION": b"1"}, lambda tar: add(tar, name, b"x")))  # noqa: B023
    tars = [str(folder / str(number)) for number in range(len(names))]
    done = subprocess.run(
        ["bash", "-c", LOOK, "-", str(ROOT / "deploy/host/entry.sh"), *tars],
        cwd=empty,
        env=host.environment({}),
        capture_output=True,
        check=True,
    )
    reasons = done.stdout.decode().split("\0")[:-1]
    assert len(reasons) == len(names)
    for name, reason in zip(names, reasons, strict=True):
        assert reason.startswith("the bundle of a is refused: "), (name, reason)
    untouched(empty)


# -- the host program --------------------------------------------------------------------------------------------------

WORDS = 4  # of the values, one in so many is a word of the command; the others are variables


def test_settings_reach_an_app_exactly(host: Machine) -> None:
    """By conf, bundle, signature and host program: what the process was given is the kernel's word."""

    def judge(texts: Sequence[str]) -> None:
        words, values = (
            [text or "-" for text in texts[::WORDS]],
            [text for number, text in enumerate(texts) if number % WORDS],
        )
        variables = {f"V{number}": text for number, text in enumerate(values)}
        health = {"passes": 1, "attempts": 10}
        using = settings_of(
            command=["python3", "examples/hello/app.py", *words], variables=variables, drain=0, health=health, keep=1
        )
        bundle = make(f"0.1.{host.count}-dev", using=using)
        bundle.put(host.bucket)
        assert host.deploy(bundle).outcome == "healthy"
        process = Path("/proc", host.record(host.state()["colour"])[0])
        heard = process.joinpath("cmdline").read_bytes().split(b"\0")[:-1]
        assert heard[-len(words) :] == [word.encode() for word in words]
        environment = dict(one.split(b"=", 1) for one in process.joinpath("environ").read_bytes().split(b"\0") if one)
        assert {name: environment[name.encode()] for name in variables} == {
            name: text.encode() for name, text in variables.items()
        }
        assert not list(host.root.rglob("pwned"))

    each("settings' variables and words of a command", made(TEXT), judge, 400)


# -- secrets -----------------------------------------------------------------------------------------------------------

VERSION = "a1b2c3d4-5678-90ab-cdef-000000000001"
PLAYED = """#!/bin/sh
for word; do
  case $word in
  /p/*:1) word=${word#/p/} && exec cat "$ANSWERS/p${word%:1}" ;;
  s/*) exec cat "$ANSWERS/s${word#s/}" ;;
  esac
done
exit 1
"""
KEYS = 40  # values of one secret that is a JSON object


def test_secrets_reach_an_app_exactly(tmp_path: Path, empty: Path) -> None:
    """Out of the JSON that `aws` prints, through awk into a file, and from there into the environment of a process."""
    base, tools, answers = tmp_path / "opt", tmp_path / "bin", tmp_path / "answers"
    for folder in (base / "run", tools, answers):
        folder.mkdir(parents=True)
    (tools / "aws").write_text(PLAYED)
    (tools / "aws").chmod(0o755)
    count = iter(range(10_000))

    def judge(texts: Sequence[str]) -> None:
        stored = [text for text in texts[::2] if text and "{{" not in text]  # Parameter Store takes no others
        whole = {f"P{number:03}": text for number, text in enumerate(stored)}
        keyed = {f"S{number:03}": text for number, text in enumerate(text for text in texts if text not in stored)}
        release = f"0.1.{next(count)}-dev"
        wanted = {**play_parameters(answers, whole), **play_objects(answers, keyed)}
        keep_manifest(base, release, wanted)
        done = subprocess.run(
            ["bash", "-c", PROGRAM, "-", str(HOST), str(base), release],
            env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(base), "ANSWERS": str(answers), "TAGSHIP_HOST_ROOT": ""},
            cwd=empty,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b""), done.stderr
        seen = dict(one.split("=", 1) for one in done.stdout.decode().split("\0") if "=" in one)
        assert {name: seen[name] for name in wanted} == {**whole, **keyed}
        untouched(empty)
        assert not list(base.rglob("pwned"))

    each("secrets' values", made(TEXT), judge, 200)


def play_parameters(answers: Path, values: Mapping[str, str]) -> dict[str, SecretRef]:
    """What get-parameters answers, ten at a time, named by the first that is asked for."""
    names = sorted(values)
    for start in range(0, len(names), 10):
        some = [{"Name": f"/p/{name}", "Value": values[name], "Version": 1} for name in names[start : start + 10]]
        text = json.dumps({"Parameters": some}, ensure_ascii=start % 20 == 0, indent=4)
        (answers / f"p{names[start]}").write_text(text, "utf-8")
    return {name: SecretRef(SSM, f"/p/{name}", "1") for name in names}


def play_objects(answers: Path, values: Mapping[str, str]) -> dict[str, SecretRef]:
    """What get-secret-value answers: a text that is a JSON object itself."""
    refs, names = {}, sorted(values)
    for start in range(0, len(names), KEYS):
        some = names[start : start + KEYS]
        inner = json.dumps({name: values[name] for name in some}, ensure_ascii=start % 80 == 0, indent=2)
        answer = {"Name": f"s/{start}", "VersionId": VERSION, "SecretString": inner}
        (answers / f"s{start}").write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
        refs.update({name: SecretRef(SECRETS_MANAGER, f"s/{start}", VERSION, name) for name in some})
    return refs


def keep_manifest(base: Path, release: str, secrets: dict[str, SecretRef]) -> None:
    bundle = BundleRef("b", "0" * 64, 1, "0" * 64)
    manifest = Manifest(
        "hello", "dev", release, release, "c0ffee", "dev", release, "2026", "ada", bundle, {"x": "0"}, secrets=secrets
    )
    folder = base / "releases" / release
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(manifest.to_json())


# -- user data ---------------------------------------------------------------------------------------------------------

START = "\nLOG=$ROOT/var/log/user-data.log\n"  # from here the program runs; before it are its words
BOOT = r"""
curl() {
  case $* in
  *api/token*) printf token ;;
  */tagship:environment) [[ $kind == tag ]] && printf %s "$value" ;;
  *) printf us-east-1 ;;
  esac
}
aws() {
  printf '%s\0' "$*" >>"$ASKED"
  if [[ $kind == pointer && $6 == */_pointer/* ]]; then
    cp "$ROOT/pointer" "$7" && echo '  "LastModified": "2026-11-20T12:00:01+00:00",' && return
  fi
  echo 'An error occurred (404) when calling the operation: Not Found' >&2
  return 1
}
date() { printf now; }
while IFS= read -r -d '' kind <&3 && IFS= read -r -d '' value <&3; do
  : >"$ASKED"
  rm -f "$ROOT/etc/tagship/hello/host.env" "$ROOT/etc/tagship/hello/environment"
  (
    case $kind in
    exported) DEPLOYMENT_KEY=$value ;;
    host.env) printf 'DEPLOYMENT_KEY=%s\n' "$value" >"$ROOT/etc/tagship/hello/host.env" ;;
    region) REGION=$value ;;
    bucket) DEPLOYMENT_BUCKET=$value ;;
    tag) ENVIRONMENT='' ;;
    pointer) IFS= read -r -d '' pointer <&3 && printf %s "$pointer" >"$ROOT/pointer" ;;
    esac
    main </dev/null >"$ROOT/said" 2>&1
  )
  code=$?
  printf '%s\1%s\0' "$code" "$(tr '\0' '\2' <"$ASKED")"
done
"""
PUBLIC = public_pem(release_key()).decode()
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,400}")
ID = re.compile(r"[0-9a-z][0-9A-Za-z.-]{0,63}")
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
KINDS = ("exported", "host.env", "pointer", "tag", "region", "bucket")
OF_USER_DATA = st.one_of(
    TEXT,
    TEXT,
    st.from_regex(r"hello/h/[0-9A-Za-z.$`;| -]{1,30}/deploy-bundle\.tar\.gz", fullmatch=True),
    st.from_regex(KEY, fullmatch=True),
    st.from_regex(ID, fullmatch=True),
    st.from_regex(NAME, fullmatch=True),
)


def test_user_data_asks_for_exactly_what_it_is_given_or_refuses_it(host: Machine, empty: Path) -> None:
    """Its own words in one shell, value after value; `aws`, which notes what it is asked, and IMDS are played."""
    program = (ROOT / "deploy/user_data.sh").read_text("utf-8")
    assert program.count(START) == 1
    script = host.root / "user-data"
    script.write_text(program.partition(START)[0] + BOOT, "utf-8")
    environment = {
        **host.environment({"TAGSHIP_PAUSE": "0", "ASKED": str(host.root / "asked")}),
        "APP": "hello",
        "ENVIRONMENT": "h",
        "DEPLOYMENT_BUCKET": "hello-artifacts",
        "REGION": "us-east-1",
        "ALLOW_UNSIGNED": "false",
        "KEYS": pinned([PUBLIC], [PUBLIC]),
        "ENTRY": ENTRY,
    }
    taken = 0

    def judge(cases: Sequence[tuple[str, str]]) -> None:
        nonlocal taken
        words = nul([word for kind, value in cases for word in told_of(kind, value)])
        told = run_user_data(script, words, environment, empty)
        assert len(told) == len(cases)
        for (kind, value), one in zip(cases, told, strict=True):
            code, _, calls = one.partition("\1")
            taken += judged(kind, value, int(code), {asked_for(call) for call in calls.split("\2") if call})

    each("user data's keys, ids and names", made(st.tuples(st.sampled_from(KINDS), OF_USER_DATA)), judge, 200)
    print(f"  {taken:,} of them were asked for")
    assert taken > 0


def asked_for(call: str) -> str:
    """The object that a call of `aws` is for."""
    listed = re.fullmatch(r"(?s)s3 ls s3://(.*) --recursive", call)
    if listed:
        return "a list"
    read = re.fullmatch(r"(?s)s3api get-object --bucket (.*) --key (.*) /\S+ --output json", call)
    if read:
        return f"{read[1]}/{read[2]}"
    found = re.fullmatch(
        r"(?s)s3api head-object --bucket hello-artifacts --key (.*) --output json|s3 cp s3://(.*) /\S+", call
    )
    assert found, call
    return found[1] or found[2]


def told_of(kind: str, value: str) -> list[str]:
    """What the shell reads: for a pointer, the object itself as well."""
    if kind != "pointer":
        return [kind, value]
    pointer = Pointer("hello", "h", value, "0" * 64, value, 1).at(datetime(2026, 11, 20, 12, tzinfo=UTC))
    return [kind, value, sealed(pointer.as_data()).decode()]


def run_user_data(script: Path, values: str, environment: Mapping[str, str], empty: Path) -> list[str]:
    given_ = script.parent / "values"
    given_.write_bytes(values.encode())
    done = subprocess.run(
        ["bash", "-c", 'exec 3<"$2"; . "$1"', "user-data", str(script), str(given_)],
        env=environment,
        cwd=empty,
        capture_output=True,
        check=False,
    )
    assert done.stderr == b"", done.stderr
    untouched(empty)
    assert not list(script.parent.rglob("pwned"))
    return done.stdout.decode().split("\0")[:-1]


def judged(kind: str, value: str, code: int, asked: set[str]) -> bool:
    """Whether that value was asked for, and exactly; where it is none, nothing is asked, and it is refused."""
    context = (kind, value, code, asked)
    asked = asked - {"a list"}
    if kind == "host.env":  # a line of the file, and `read` takes a single separator off its end
        value = value.split("\n", 1)[0].removesuffix("=")
        value = value.removesuffix("\r")
    if kind == "tag":
        value = value.rstrip("\n")  # of a command substitution
    if kind in {"exported", "host.env"} and value:
        older = re.fullmatch(rf"hello/h/({ID.pattern})/deploy-bundle\.tar\.gz", value)
        wanted = {value, f"bundles/h/deploy-bundle-{older[1]}.tar.gz"} if older else {value}
        right = bool(KEY.fullmatch(value))
    elif kind == "pointer":
        pointer = "hello-artifacts/hello/_pointer/h.json"
        bundle, old = f"hello/h/{value}/deploy-bundle.tar.gz", f"bundles/h/deploy-bundle-{value}.tar.gz"
        right = bool(ID.fullmatch(value))
        assert (code, asked) == (5, {pointer, bundle, old} if right else {pointer}), context
        return right
    elif kind == "tag":
        wanted, right = {f"hello-artifacts/hello/_pointer/{value}.json"}, bool(NAME.fullmatch(value))
        if value.startswith("pr-") and right:
            wanted.add(f"hello/{value}/hello-deployment.tar.gz")
    elif kind == "bucket":
        wanted = {f"{value}/hello/_pointer/h.json"}
        right = bool(re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value))
    else:
        wanted = {"hello-artifacts/hello/_pointer/h.json"}
        right = kind != "region" or bool(re.fullmatch(r"[a-z][a-z0-9-]{1,29}", value)) or not value
    if not right:
        assert (code, asked) == (2, set()), context
        return False
    assert code in {0, 5}, context
    assert asked == wanted, context
    return True
