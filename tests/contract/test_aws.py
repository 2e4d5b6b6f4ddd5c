"""What goes wrong with AWS, told in three sentences. A stub answers with AWS's own error bodies (S3 API Reference)."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tagship import bootstrap
from tagship.adapters.aws import credentials, session
from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.silence import Bound, Patience
from tagship.domain.aws_commands import Where
from tagship.domain.text import either
from tagship.errors import ServiceFailed
from tests.sandbox.conftest import until

KEY = "hello/dev/0.1.0-dev/manifest.json"
SETTINGS = """\
app = "hello"
[aws]
bucket = "hello-artifacts"
profile = "acme"
[environments.dev]
branch = "dev"
allow_unsigned = true
ec2.tags = { "tagship:environment" = "dev" }
ec2.command = ["python3", "app.py"]
"""


class Stub(BaseHTTPRequestHandler):
    """Answers every request with `answer`: a status, a code and a message."""

    answer: ClassVar[tuple[int, str, str]] = (500, "InternalError", "")
    asked: ClassVar[list[str]] = []

    def respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(self.command)
        status, code, message = self.answer
        body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>R4711</RequestId></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-request-id", "R4711")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = respond  # noqa: N815 (http.server's names)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    Stub.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine with an access key, and nothing else that boto3 could find."""
    for name in ("CI", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def failure(store: S3Store, write: bool = False) -> ServiceFailed:
    with pytest.raises(ServiceFailed) as caught:
        store.create(KEY, b"body") if write else store.get(KEY)
    assert caught.value.exit_code == 8
    return caught.value


WHERE = rf"s3://releases/{KEY}"


@pytest.mark.parametrize(
    ("answer", "what", "remedy"),
    [
        (
            (403, "AccessDenied", "Access Denied"),
            f"Access denied: the AWS identity in use may not s3:GetObject (reading {WHERE}).",
            either(
                "Allow s3:GetObject in the policy of the identity that this prints: "
                "aws sts get-caller-identity --region eu-west-1",
                "Then run the same command again",
            ),
        ),
        (
            (400, "ExpiredToken", "The provided token has expired."),
            f"The AWS credentials have expired (reading {WHERE}).",
            "Sign in: aws sso login",
        ),
        (
            (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
            f"AWS does not accept the credentials in use (reading {WHERE}).",
            "Sign in: aws sso login",
        ),
        (
            (404, "NoSuchBucket", "The specified bucket does not exist"),
            f"The bucket does not exist (reading {WHERE}).",
            "Correct aws.bucket in tagship.toml, or create it: aws s3 mb s3://releases --region eu-west-1",
        ),
        (
            (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
            f"This machine's clock is too far off for AWS (reading {WHERE}).",
            "Set the clock, then run the same command again",
        ),
        (
            (400, "AuthorizationHeaderMalformed", "the region 'eu-west-1' is wrong"),
            f"The bucket is in another region than eu-west-1 (reading {WHERE}).",
            "Correct aws.region in tagship.toml",
        ),
        (
            (503, "SlowDown", "Please reduce your request rate."),
            f"AWS throttles s3:GetObject, after 4 attempts (reading {WHERE}).",
            "Wait a minute, then run the same command again",
        ),
        (
            (400, "MalformedXML", "What is this"),
            f"AWS failed with MalformedXML: What is this (reading {WHERE}).",
            "Run the same command again",
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_what_aws_answers_is_told_with_its_remedy(
    answer: tuple[int, str, str], what: str, remedy: str, url: str, laptop: pytest.MonkeyPatch
) -> None:
    laptop.setattr("time.sleep", lambda _seconds: None)
    Stub.answer = answer
    problem = failure(S3Store(Aws("eu-west-1", url), "releases"))
    assert (problem.what, problem.remedy) == (what, remedy)
    assert problem.state == "Nothing was changed."
    assert answer[1] in problem.evidence
    assert "R4711" in problem.evidence


def test_a_denied_write_names_its_action_and_says_what_is_not_known(url: str, laptop: pytest.MonkeyPatch) -> None:
    Stub.answer = (403, "AccessDenied", "Access Denied")
    problem = failure(S3Store(Aws("eu-west-1", url), "releases"), write=True)
    assert "may not s3:PutObject (writing s3://releases/" in problem.what
    assert "Running the same command again is safe" in problem.state
    assert Stub.asked == ["PUT"]


def test_a_denied_head_is_a_denied_get(url: str, laptop: pytest.MonkeyPatch) -> None:
    Stub.answer = (403, "", "")
    with pytest.raises(ServiceFailed, match="may not s3:GetObject"):
        S3Store(Aws("eu-west-1", url), "releases").head(KEY)


def test_credentials_that_are_missing(url: str, laptop: pytest.MonkeyPatch) -> None:
    laptop.delenv("AWS_ACCESS_KEY_ID")
    laptop.delenv("AWS_SECRET_ACCESS_KEY")
    problem = failure(S3Store(Aws("eu-west-1", url), "releases"))
    assert problem.what == f"There are no AWS credentials (reading {WHERE})."
    assert problem.remedy == "Sign in: aws sso login"
    assert Stub.asked == []


def test_credentials_that_are_missing_in_ci(url: str, laptop: pytest.MonkeyPatch) -> None:
    laptop.delenv("AWS_ACCESS_KEY_ID")
    laptop.delenv("AWS_SECRET_ACCESS_KEY")
    problem = failure(S3Store(Aws("eu-west-1", url, ci=True), "releases"))
    assert "id-token: write" in problem.remedy
    assert "aws-actions/configure-aws-credentials" in problem.remedy


def test_a_profile_that_is_not_there(url: str, laptop: pytest.MonkeyPatch) -> None:
    problem = failure(S3Store(Aws("eu-west-1", url, profile="acme"), "releases"))
    assert "acme" in problem.what
    assert problem.remedy.endswith("aws configure list-profiles")


def test_the_remedy_names_the_profile_that_is_in_use(url: str, laptop: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[acme]\naws_access_key_id = A\naws_secret_access_key = B\n")
    Stub.answer = (400, "ExpiredToken", "")
    problem = failure(S3Store(Aws("eu-west-1", url, profile="acme"), "releases"))
    assert problem.remedy == "Sign in: aws sso login --profile acme"


def test_a_job_whose_credentials_ended_before_it_did_is_not_sent_to_ask_for_what_it_has(
    url: str, laptop: pytest.MonkeyPatch
) -> None:
    Stub.answer = (400, "ExpiredToken", "")
    problem = failure(S3Store(Aws("eu-west-1", url, ci=True), "releases"))
    assert "id-token" not in problem.remedy
    assert problem.remedy.endswith(
        "role-duration-seconds for the whole job, or repeat it before this one, then run it again"
    )


def test_what_answers_in_the_place_of_aws_is_an_outside_failure_and_no_defect(
    url: str, laptop: pytest.MonkeyPatch
) -> None:
    aws = Aws("eu-west-1", url)  # to a POST it answers with a page of HTML, as a proxy does
    with pytest.raises(ServiceFailed) as caught, aws.translated("looking for the hosts of dev"):
        aws.client("ec2").describe_instances()
    assert caught.value.what == "What answered in the place of AWS can't be read (looking for the hosts of dev)."
    assert caught.value.remedy == "Try it: curl -sS https://sts.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    "named", [{"profile": "acme"}, {"people": "acme", "ci": True}], ids=["of a person", "of a job, whose log is read"]
)
def test_a_command_that_is_advised_names_the_profile_that_reaches_the_account(
    named: dict[str, Any], url: str, laptop: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("[acme]\naws_access_key_id = A\naws_secret_access_key = B\n")
    Stub.answer = (403, "AccessDenied", "Access Denied")
    problem = failure(S3Store(Aws("eu-west-1", url, **named), "releases"))
    assert "aws sts get-caller-identity --region eu-west-1 --profile acme" in problem.remedy


def test_a_jobs_session_has_its_role_and_knows_the_profile_that_people_have(
    laptop: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tagship.toml").write_text(SETTINGS)
    for ci, used in (("", "acme"), ("true", "")):
        laptop.setenv("CI", ci)
        laptop.setenv("GITHUB_ACTIONS", ci)
        laptop.setenv("AWS_SESSION_TOKEN", ci)
        aws = bootstrap.app(tmp_path).aws
        assert (aws.profile, aws.where) == (used, Where("us-east-1", "acme")), f"CI={ci}"


@pytest.mark.parametrize(
    ("sandbox", "remedy"),
    [(True, "Start the sandbox: inv sandbox up"), (False, "Try it: curl -sS https://sts.eu-west-1.amazonaws.com")],
)
def test_an_endpoint_that_cannot_be_reached(sandbox: bool, remedy: str, laptop: pytest.MonkeyPatch) -> None:
    laptop.setattr("time.sleep", lambda _seconds: None)
    problem = failure(S3Store(Aws("eu-west-1", "http://127.0.0.1:9", sandbox=sandbox), "releases"))
    assert problem.what == f"AWS cannot be reached at http://127.0.0.1:9 (reading {WHERE})."
    assert problem.remedy == remedy


@pytest.mark.parametrize("name", ["ConnectionClosedError", "ReadTimeoutError"])
def test_an_answer_that_never_arrives(name: str) -> None:
    from botocore import exceptions

    lost = getattr(exceptions, name)(endpoint_url="https://s3.eu-west-1.amazonaws.com")
    with pytest.raises(ServiceFailed) as caught, Aws("eu-west-1").translated("reading s3://releases/a"):
        raise lost
    assert caught.value.what == "AWS cannot be reached at eu-west-1 (reading s3://releases/a)."


def test_the_sandbox_does_not_care_for_a_laptops_profile_or_proxy(url: str, laptop: pytest.MonkeyPatch) -> None:
    laptop.setenv("AWS_PROFILE", "nobody")
    laptop.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    Stub.answer = (404, "NoSuchKey", "")
    assert S3Store(Aws("us-east-1", url, sandbox=True), "releases").get(KEY) is None


def test_clients_are_made_once() -> None:
    aws = Aws("us-east-1", "http://127.0.0.1:9", sandbox=True)
    assert aws.client("s3") is aws.client("s3")


# -- credentials that come by the user's own way -----------------------------------------------------------------------

PROFILES = {
    "prose": "credential_process = /bin/echo please sign in",
    "list": "credential_process = /bin/echo [1]",
    "no program": "credential_process = /no/such/program",
    "no file": "role_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = /no/such/file",
    "failing": "credential_process = /bin/false",
}


@pytest.fixture
def work(laptop: pytest.MonkeyPatch, url: str) -> Aws:
    """A laptop whose profile `work` is written by the test; no key is set beside it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        laptop.delenv(name)
    return Aws("eu-west-1", url, profile="work")


@pytest.mark.parametrize("profile", PROFILES)
def test_credentials_that_cannot_be_read_are_no_defect(work: Aws, tmp_path: Path, profile: str) -> None:
    (tmp_path / "config").write_text(f"[profile work]\n{PROFILES[profile]}\n")
    problem = failure(S3Store(work, "releases"))
    assert "credentials" in problem.what
    assert "--profile work" in problem.remedy
    assert "please" not in f"{problem.what}{problem.evidence}", "what was read may hold a secret"


MFA = """[profile base]
aws_access_key_id = AKIAEXAMPLE
aws_secret_access_key = secret
[profile work]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/ada
"""


ASK = """
from tagship.adapters.aws.credentials import NoTerminal, ask_for_code
try:
    ask_for_code("code: ")
except NoTerminal:
    print("no terminal")
"""


def test_without_a_terminal_no_code_is_asked_for() -> None:
    asked = subprocess.run(
        [sys.executable, "-c", ASK], check=True, start_new_session=True, capture_output=True, text=True, input=""
    )
    assert (asked.stdout, asked.stderr) == ("no terminal\n", "")


def test_a_code_that_nobody_can_type_is_no_defect(work: Aws, tmp_path: Path) -> None:
    def nobody(_: str) -> str:
        raise credentials.NoTerminal

    (tmp_path / "config").write_text(MFA)
    problem = failure(S3Store(replace(work, ask=nobody), "releases"))
    assert problem.what.startswith("The AWS profile asks for an MFA code, and there is no terminal")


def test_a_code_is_asked_for_with_awss_own_words(work: Aws, tmp_path: Path) -> None:
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        raise EOFError

    (tmp_path / "config").write_text(MFA)
    assert "credentials cannot be read" in failure(S3Store(replace(work, ask=typed), "releases")).what
    assert asked == ["Enter MFA code for arn:aws:iam::123456789012:mfa/ada: "]


def test_a_defect_elsewhere_is_not_taken_for_credentials() -> None:
    with pytest.raises(ZeroDivisionError), Aws("eu-west-1").translated("reading s3://releases/a"):
        _ = 1 // 0


def test_a_refusal_by_a_machine_whose_clock_is_off_blames_the_clock(url: str, laptop: pytest.MonkeyPatch) -> None:
    laptop.setattr(Stub, "date_time_string", lambda *_: "Fri, 20 Nov 2020 12:00:00 GMT")
    Stub.answer = (403, "AccessDenied", "Access Denied")
    problem = failure(S3Store(Aws("eu-west-1", url), "releases"))
    assert re.match(r"This machine's clock is \d+ days ahead of AWS's", problem.what)
    assert problem.remedy == "Set the clock, then run the same command again"


# -- silence -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("laptop")
def test_silence_is_announced_before_each_new_attempt() -> None:
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as mute:  # connections wait in its backlog, and nobody answers
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        problem = failure(S3Store(Aws("eu-west-1", url, say=heard.append, patience=0.05), "releases"))
    assert "cannot be reached" in problem.what
    assert heard == [f"AWS did not answer for 0.05 s (GetObject): attempt {n} of 4" for n in (2, 3, 4)]


def test_a_bucket_that_hangs_is_given_up_within_a_minute() -> None:
    assert session.ATTEMPTS * session.READ_TIMEOUT <= 40


def heard_of_silence(patience: float, attempts: int) -> list[str]:
    """What is said while a service takes the connection and never answers."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        aws = Aws("eu-west-1", url, patience=patience, attempts=attempts)
        Patience(heard.append, patience=patience, connecting=5, attempts=attempts, soon=0.05).watch(aws.client("s3"))
        failure(S3Store(aws, "releases"))
    return heard


@pytest.mark.usefixtures("laptop")
def test_what_is_waited_for_is_said_soon_and_how_long_that_may_take() -> None:
    heard = heard_of_silence(patience=0.4, attempts=1)
    assert heard[0] == "waiting for AWS (GetObject); it is given up after 0.4 s of silence"


@pytest.mark.usefixtures("laptop")
def test_what_is_waited_for_is_said_once_for_all_attempts_of_a_question() -> None:
    heard = heard_of_silence(patience=0.2, attempts=3)
    assert [line.partition(";")[0] for line in heard if line.startswith("waiting")] == ["waiting for AWS (GetObject)"]
    assert [line[-6:] for line in heard if "attempt" in line] == ["2 of 3", "3 of 3"]


def test_an_answer_that_comes_in_time_is_not_spoken_of(url: str, laptop: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    aws = Aws("eu-west-1", url)
    Patience(heard.append, patience=10, connecting=5, attempts=4, soon=0.3).watch(aws.client("s3"))
    Stub.answer = (404, "NoSuchKey", "")
    assert S3Store(aws, "releases").get("a") is None
    time.sleep(0.5)
    assert heard == []


@pytest.mark.usefixtures("laptop")
def test_a_question_that_one_can_do_without_is_given_up_within_seconds() -> None:
    assert session.SECONDS * session.FEW <= 6
    hurried = session.hurried(Aws("eu-west-1")).client("sts").meta.config
    assert (hurried.read_timeout, hurried.retries["total_max_attempts"]) == (session.SECONDS, session.FEW)


def test_clients_of_little_patience_come_from_the_same_session(laptop: pytest.MonkeyPatch) -> None:
    """A session reads the service models anew, and may ask for credentials anew."""
    made: list[object] = []
    core = Aws._session
    laptop.setattr(Aws, "_session", lambda aws: made.append(aws) or core(aws))
    aws = Aws("eu-west-1")
    assert session.hurried(aws).client("sts") is not aws.client("sts")
    assert made == [session.hurried(aws)]


@pytest.mark.usefixtures("laptop")
def test_clients_that_are_prepared_are_those_that_are_used() -> None:
    aws = Aws("eu-west-1")
    aws.prepare("sts", "kms")
    until(lambda: {"sts", "kms"} <= aws._clients.keys())
    prepared = dict(aws._clients)
    assert aws.client("kms") is prepared["kms"]


def test_what_cannot_be_prepared_fails_where_it_is_used(work: Aws, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile other]\n")
    work.prepare("s3")
    assert "work" in failure(S3Store(work, "releases")).what


def test_a_credential_process_that_never_ends_is_ended_and_named(work: Aws, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile work]\ncredential_process = sleep 1000\n")
    began = time.monotonic()
    problem = failure(S3Store(replace(work, process_within=0.2), "releases"))
    assert time.monotonic() - began < 10
    assert problem.what.startswith(
        "The AWS credentials cannot be read: the credential process sleep did not end within 0.2 s"
    )
    assert "1000" not in f"{problem.what}{problem.evidence}", "an argument may be a secret"


def test_so_is_that_of_a_roles_source_profile(work: Aws, tmp_path: Path) -> None:
    source = "[profile base]\ncredential_process = sleep 1000\n"
    role = "[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n"
    (tmp_path / "config").write_text(source + role)
    assert "the credential process sleep" in failure(S3Store(replace(work, process_within=0.2), "releases")).what


def test_a_credential_process_that_takes_long_is_named_while_it_is_waited_for() -> None:
    heard: list[str] = []
    process = Bound(heard.append, longest=30, soon=0.05)(["sleep", "0.3"], stdout=subprocess.PIPE)
    assert process.communicate() == (b"", None)
    assert heard == ["waiting for the credential process sleep, ended after 30 s"]
