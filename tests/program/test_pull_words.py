"""What a host says of a pull or a download that failed: the cause and what to do, and nothing that lets anybody in.

The host program's own words, with a `docker` and an `aws` of the tests. The real ones are in tests/host.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.bundles import ROOT

IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/team/hello@sha256:{'a' * 64}"
PASSWORD = "eyJwYXlsb2FkIjoi-password"
SECRET = "IQoJb3JpZ2luX2VjEJ"
PRESIGNED = f"https://prod-us-east-1-starport-layer-bucket.s3.amazonaws.com/1a2b?X-Amz-Security-Token={SECRET}&X-Amz-Signature=0f9e"
LOGS_IN = f"""case "$1 $2" in "ecr get-login-password") echo "{PASSWORD}" ;; esac"""

# Stage 2's words, with what it knows by then.
PROGRAM = """
PROGRAM=$1 BASE=$2 APP=hello ENVIRONMENT=dev REGION=us-east-1 BUCKET=b ARTIFACT=0.1.0-dev PROBLEM=''
set -uo pipefail
. "$PROGRAM/host/entry.sh"; . "$PROGRAM/host/secrets.sh"; . "$PROGRAM/host/runtime_docker.sh"
set -- "${@:3}"
exec 9>>"$BASE/lock" && flock -n 9
"$@" >>"$BASE/log" 2>&1 9>&-
code=$?
printf '%s\\n' "$PROBLEM$REASON" "$EVIDENCE"
exit "$code"
"""


class Host:
    """What its programs were told is in `told`, with what was in their environment."""

    def __init__(self, folder: Path) -> None:
        self.base, self.bin, self.told = folder / "opt", folder / "bin", folder / "told"
        (self.base / "run").mkdir(parents=True)
        self.bin.mkdir()

    def tool(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/sh\n{{ echo "{name} $*"; env; }} >>{self.told}\n{text}\n')
        path.chmod(0o755)

    def command(self, *words: str) -> list[str]:
        return ["bash", "-c", PROGRAM, "host", str(ROOT / "deploy"), str(self.base), *words]

    def environment(self, limit: int) -> dict[str, str]:
        return {"PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin", "PULL_LIMIT": str(limit)}

    def says(self, *words: str, limit: int = 20) -> str:
        """The problem of a word that must fail."""
        argv, env = self.command(*words), self.environment(limit)
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode != 0, done.stderr) == (True, ""), done.stdout + done.stderr
        return done.stdout.strip()

    @property
    def log(self) -> str:
        return (self.base / "log").read_text()

    def written(self) -> str:
        """All that is left on its disk, with what its programs were told."""
        return "".join(path.read_text() for path in (*self.base.rglob("*"), self.told) if path.is_file())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.tool("aws", LOGS_IN)
    made.tool("docker", "exit 1")
    return made


def says_on_stderr(text: str) -> str:
    return f"cat >&2 <<'END'\n{text}\nEND\nexit 254"


REFUSED = "An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: not authorized"
EXPIRED = "An error occurred (ExpiredTokenException) when calling the GetAuthorizationToken operation: it is expired"
CLOCK = (
    "An error occurred (InvalidSignatureException) when calling the GetAuthorizationToken operation: Signature expired"
)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (REFUSED, "this host's role needs ecr:GetAuthorizationToken"),
        (EXPIRED, "see whose credentials this host has, and whether its clock is right: aws sts get-caller-identity"),
        (CLOCK, "is the clock of this host right? timedatectl"),
        (
            'Unable to locate credentials. You can configure credentials by running "aws configure".',
            "this host has no role: attach the instance profile of the stack tagship-hello-dev",
        ),
        (
            'Failed to connect to proxy URL: "http://10.0.0.1:3128"',
            "see that the registry can be reached from this host",
        ),
        (
            'Could not connect to the endpoint URL: "https://api.ecr.us-east-1.amazonaws.com/"',
            "see that the registry can be reached from this host, and deploy again",
        ),
    ],
)
def test_a_login_that_aws_refuses_is_told_with_its_cause_and_what_to_do(host: Host, said: str, advice: str) -> None:
    host.tool("aws", says_on_stderr(f"\n{said}"))
    problem = host.says("pull", IMAGE)
    assert problem.startswith("no login to 123456789012.dkr.ecr.us-east-1.amazonaws.com: aws ecr get-login-password: ")
    assert said in problem
    assert advice in problem
    assert said in host.log
    assert " login --username" not in host.told.read_text()
    assert not (host.base / "run/docker").exists()


def test_an_aws_that_never_answers_is_given_up(host: Host) -> None:
    host.tool("aws", "sleep 25")
    began = time.monotonic()
    problem = host.says("pull", IMAGE, limit=1)
    assert time.monotonic() - began < 10
    assert "aws ecr get-login-password did not end within 1 s" in problem
    assert "see that the registry can be reached from this host, and deploy again" in problem


@pytest.mark.parametrize(
    ("waits", "aws", "docker"),
    [
        ("aws ecr", "sleep 5", "exit 1"),
        ("login --username", LOGS_IN, 'case "$3" in login) cat >/dev/null && sleep 5 ;; esac'),
        ("pull --quiet", LOGS_IN, 'case "$3" in login) cat >/dev/null ;; *) sleep 5 ;; esac'),
    ],
)
def test_what_is_waited_for_holds_no_lock_when_the_host_program_is_killed(
    host: Host, waits: str, aws: str, docker: str
) -> None:
    host.tool("aws", aws)
    host.tool("docker", docker)
    argv, quiet = host.command("pull", IMAGE), subprocess.DEVNULL
    lock = ["flock", "-n", str(host.base / "lock"), "true"]
    with subprocess.Popen(argv, env=host.environment(20), stdout=quiet, stderr=quiet) as program:
        until(lambda: host.told.exists() and waits in host.told.read_text(), "it waits")
        assert subprocess.run(lock, check=False).returncode == 1
        program.kill()
    assert subprocess.run(lock, check=False).returncode == 0


def until(there: Callable[[], bool], what: str) -> None:
    late = time.monotonic() + 10
    while not there():
        assert time.monotonic() < late, what
        time.sleep(0.02)


def test_an_image_that_docker_never_names_holds_nothing_up(host: Host) -> None:
    host.tool("docker", "sleep 25")
    began = time.monotonic()
    host.says("eval", "image_of() { REPLY=x; }; ANSWER_LIMIT=1; name_image 0.1.0-dev; false")
    assert time.monotonic() - began < 10
    assert "The image of 0.1.0-dev has no name on this host: docker image prune would remove it." in host.log


NOT_TODAY = "cat >/dev/null; echo 'denied: not today'; exit 1"
TAKES_IT = 'case "$3" in login) cat >"$2/config.json" ;; *) exit 1 ;; esac'


@pytest.mark.parametrize(
    ("fails", "docker", "problem"),
    [("aws", "exit 1", "no login to"), ("login", NOT_TODAY, "no login to"), ("pull", TAKES_IT, IMAGE)],
)
def test_the_password_is_left_nowhere(host: Host, fails: str, docker: str, problem: str) -> None:
    """Not even by an `aws` that prints it and then fails."""
    host.tool("aws", f"{LOGS_IN}\necho not today >&2\nexit {int(fails == 'aws')}")
    host.tool("docker", docker)
    told = host.says("pull", IMAGE)
    assert told.startswith(problem)
    assert PASSWORD not in told + host.written()


@pytest.mark.parametrize(
    "said",
    [
        f'error pulling image configuration: download failed after attempts=6: Get "{PRESIGNED}": EOF',
        f"unexpected status from GET request to {PRESIGNED}: 403 Forbidden",
        f"{PRESIGNED}",
        f"of a layer: Max retries exceeded with url: /1a2b?X-Amz-Security-Token={SECRET}&X-Amz-Signature=0f9e (403)",
    ],
)
def test_a_presigned_url_is_told_without_what_makes_it_one(host: Host, said: str) -> None:
    host.tool("docker", f'case "$3" in login) cat >/dev/null ;; *) {says_on_stderr(said)}\n;; esac')
    host.tool("aws", f"{LOGS_IN}\ncase $1 in s3 | ssm) {says_on_stderr(said)}\n;; esac")
    pulled = host.says("pull", IMAGE)
    fetched = host.says("download", str(host.base), "manifest.json")
    secrets = host.says("ask_for", "A /a 1", "/dev/null", "ssm", "get-parameters")
    for told in (pulled, fetched, secrets):
        assert "/1a2b?***" in told
        assert told.count("?") == told.count("?***")
    assert ("403" in said) == ("403" in pulled)
    for word in (SECRET, "0f9e", "X-Amz"):
        assert word not in pulled + fetched + secrets + host.log


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("Disk quota exceeded", ["the disk quota of root is used up in", "quota --user root"]),
        ("Input/output error", ["fails (Input/output error)", "dmesg | tail; then replace the disk, or the host"]),
        ("Permission denied", ["root may not write to", "ls -ld"]),
        ("Operation not permitted", ["root may not write to", "lsattr -d"]),
    ],
)
def test_a_file_that_cannot_be_written_says_what_the_kernel_said_and_no_number_of_bytes(
    host: Host, error: str, words: list[str]
) -> None:
    host.tool("dd", f'echo "dd: failed to open it: {error}" >&2\nexit 1')
    host.tool("id", "echo root")
    host.tool("aws", says_on_stderr(f"download failed: s3://b/x to {host.base}/x [Errno 5] {error}"))
    for problem in (host.says("download", str(host.base), "x"), host.says("unwritable", "the journal")):
        assert all(word in problem for word in words), problem
        assert "are free" not in problem


def test_a_disk_on_which_files_can_be_written_by_now_says_what_is_free_and_where_else_to_look(host: Host) -> None:
    problem = host.says("unwritable", "the journal")
    assert re.search(r"\d+ kB are free there; see what takes the room: du -xsh .*/opt/\*", problem)
    assert "if that is room enough, see why: dmesg | tail" in problem
    assert list(host.base.rglob(".probe")) == []
