"""The stand-ins on a host's PATH do what the real tools do, for the inputs that the host program gives them."""

from __future__ import annotations

import hashlib
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox import pairs
from tagship.sandbox.hosts import tools
from tagship.sandbox.hosts.ports import Ports
from tagship.sandbox.state import Running
from tests.sandbox.conftest import until

BUCKET = "tiny-artifacts"
NAMES = (*tools.ALWAYS, *tools.WHERE_MISSING)
PORTS = Ports()


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bin with every stand-in, in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("a bin")
    tools.install_tools(folder, NAMES)
    return folder


def both(stand_ins: Path, name: str) -> tuple[str, str]:
    """The real tool, where this machine has it, and the stand-in."""
    real = shutil.which(name)
    if real is None:  # then the stand-in is what the sandbox runs, and the demo proves it; .ci/run installs the tools
        pytest.skip(f"this machine has no {name} to compare with")
    return real, str(stand_ins / name)


def said(words: list[str], cwd: Path, **given: Any) -> tuple[int, str]:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, **given)
    return done.returncode, done.stdout


# -- sha256sum, openssl, flock, setsid ---------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in {"a": "one\n", "b c": "two\n", "empty": ""}.items():
        (tmp_path / name).write_text(text)
    good = "".join(f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n" for name in ("a", "b c"))
    (tmp_path / "good").write_text(good)
    (tmp_path / "altered").write_text(good.replace("  a", "  empty"))
    (tmp_path / "missing").write_text(good.replace("  a", "  nowhere"))
    (tmp_path / "improper").write_text(good + "not a line\n")
    (tmp_path / "nothing").write_text("not a line\n")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["a", "b c", "empty"],
        ["nowhere", "a"],
        ["-c", "good"],
        ["-c", "--quiet", "--strict", "good"],
        ["--strict", "--quiet", "-c", "altered"],
        ["-c", "--quiet", "missing"],
        ["-c", "improper"],
        ["-c", "--strict", "--quiet", "improper"],
        ["-c", "nothing"],
        ["-c", "nowhere"],
    ],
)
def test_sha256sum_answers_as_the_real_one(stand_ins: Path, files: Path, words: list[str]) -> None:
    real, ours = both(stand_ins, "sha256sum")
    assert said([ours, *words], files) == said([real, *words], files)


def test_sha256sum_reads_its_standard_input(stand_ins: Path, files: Path) -> None:
    real, ours = both(stand_ins, "sha256sum")
    assert said([ours], files, input="one\n") == said([real], files, input="one\n")


@pytest.mark.parametrize("case", ["good", "another file", "another key", "no signature", "no key"])
def test_openssl_verifies_as_the_real_one(stand_ins: Path, tmp_path: Path, case: str) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    real, ours = both(stand_ins, "openssl")
    for folder in ("keys", "other"):
        pairs.make(pairs.Pair(tmp_path / folder / "release.key.pem", tmp_path / folder / "release.pub.pem"))
    key = load_pem_private_key((tmp_path / "keys/release.key.pem").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    (tmp_path / "file").write_text("signed")
    (tmp_path / "altered").write_text("sigmed")
    (tmp_path / "sig").write_bytes(key.sign(b"signed", ECDSA(SHA256())))
    public = {"another key": "other/release.pub.pem", "no key": "nowhere"}.get(case, "keys/release.pub.pem")
    signature, file = "nowhere" if case == "no signature" else "sig", "altered" if case == "another file" else "file"
    words = ["dgst", "-sha256", "-verify", public, "-signature", signature, file]
    code, _ = said([ours, *words], tmp_path)
    assert code == said([real, *words], tmp_path)[0]
    assert (code == 0) == (case == "good")


def test_flock_and_its_stand_in_keep_each_other_out(stand_ins: Path, tmp_path: Path) -> None:
    tools = both(stand_ins, "flock")
    for first in tools:
        for second in tools:
            held = 'exec 9>lock; "$1" -n 9 || exit 9; (exec 8>lock; "$2" -n 8); echo $?; '
            script = held + 'exec 9>&-; exec 8>lock; "$2" -n 8; echo $?'
            assert said(["bash", "-c", script, "x", first, second], tmp_path) == (0, "1\n0\n")


def test_setsid_begins_a_session_and_keeps_the_exit_code(stand_ins: Path, tmp_path: Path) -> None:
    show = "import os, sys; print(os.getsid(0) == os.getpid()); sys.stdout.flush(); os._exit(5)"
    for tool in both(stand_ins, "setsid"):
        assert said(["bash", "-c", '"$@" & wait $!', "x", tool, sys.executable, "-c", show], tmp_path) == (5, "True\n")
    assert said([str(stand_ins / "setsid"), "/nowhere/at/all"], tmp_path)[0] == 127


# -- curl --------------------------------------------------------------------------------------------------------------

ANSWERS = {
    b"/ok": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"/bad": b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nbad",
    b"/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"/short": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
    b"/until-the-end": b"HTTP/1.0 200 OK\r\n\r\nok",
    b"/nothing": b"",
}


class Odd(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        path = self.request.recv(65536).split(b" ")[1]
        if path == b"/hangs":
            time.sleep(3)
        self.request.sendall(ANSWERS.get(path, b""))


@pytest.fixture(scope="module")
def odd() -> Iterator[int]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Odd)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", [*(path.decode() for path in ANSWERS), "/hangs", "closed"])
def test_curl_answers_as_the_real_one(stand_ins: Path, tmp_path: Path, odd: int, path: str) -> None:
    url = f"http://127.0.0.1:{PORTS.free()}/" if path == "closed" else f"http://127.0.0.1:{odd}{path}"
    seen = []
    for number, tool in enumerate(both(stand_ins, "curl")):
        body = tmp_path / str(number)
        words = [tool, "-q", "-s", "--noproxy", "*", "-m", "1", "-o", str(body), "-w", "%{http_code}", url]
        code, status = said(words, tmp_path)
        seen.append((code, status, body.read_bytes() if body.exists() else b""))
    assert seen[0] == seen[1]


# -- aws ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def aws(sandbox: Running, stand_ins: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str, url: str = sandbox.aws_url) -> subprocess.CompletedProcess[str]:
        command = [str(stand_ins / "aws"), *words]
        env = {"AWS_ENDPOINT_URL": url, "PATH": "/usr/bin:/bin", **sandbox.keys.variables}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return run


def test_aws_downloads_an_object_whole(aws: Any, s3: Any, tmp_path: Path) -> None:
    body = bytes(range(256)) * 20_000
    s3.put_object(Bucket=BUCKET, Key="app/dev/0.1.0-dev/a b+c.bin", Body=body)
    done = aws(
        "--region", "us-east-1", "s3", "cp", "--only-show-errors", f"s3://{BUCKET}/app/dev/0.1.0-dev/a b+c.bin", "to"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "to").read_bytes() == body
    assert aws("s3", "cp", f"s3://{BUCKET}/app/dev/0.1.0-dev/a b+c.bin", ".").returncode == 0
    assert (tmp_path / "a b+c.bin").read_bytes() == body


def test_aws_says_what_is_missing_and_leaves_no_file(aws: Any, tmp_path: Path) -> None:
    done = aws("s3", "cp", f"s3://{BUCKET}/nowhere", "to")
    assert done.returncode == 1
    assert "An error occurred (404) when calling the HeadObject operation" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert "NoSuchKey" in aws("s3api", "get-object", "--bucket", BUCKET, "--key", "nowhere", "to").stderr
    assert aws("s3api", "head-object", "--bucket", BUCKET, "--key", "nowhere").returncode == 254
    assert aws("s3", "cp", f"s3://{BUCKET}/a", "to", url=f"http://127.0.0.1:{PORTS.free()}").returncode == 1
    assert aws("ec2", "describe-instances").returncode == 252


def test_aws_describes_an_object(aws: Any, s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="described", Body=b"body", Metadata={"commit-sha": "abc"})
    for words in (["head-object"], ["get-object"]):
        extra = ["to"] if words == ["get-object"] else []
        done = aws("s3api", *words, "--bucket", BUCKET, "--key=described", *extra)
        assert '"commit-sha": "abc"' in done.stdout
        assert '"ContentLength": 4' in done.stdout
    assert (tmp_path / "to").read_bytes() == b"body"


def test_aws_starts_quickly(aws: Any, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="quick", Body=b"body")
    took = []
    while len(took) < 30 and min(took, default=1.0) >= 0.2:  # the least of many: other work is not this program's
        began = time.monotonic()
        aws("s3", "cp", f"s3://{BUCKET}/quick", "to")
        took.append(time.monotonic() - began)
    assert min(took) < 0.2


# -- tagship-proxy -----------------------------------------------------------------------------------------------------


@contextmanager
def echo(prefix: bytes) -> Iterator[int]:
    """A server that answers what it was sent, after its own prefix, once the other side has ended its half."""

    class Echo(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(prefix + self.rfile.read())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def through(port: int, body: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(body)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.fixture
def proxy(stand_ins: Path, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    port, upstream, pid = PORTS.free(), tmp_path / "upstream", tmp_path / "pid"
    words = [
        str(stand_ins / "tagship-proxy"),
        "--port",
        str(port),
        "--upstream-file",
        str(upstream),
        "--pid-file",
        str(pid),
    ]
    process = subprocess.Popen(words)
    until(pid.exists)
    assert int(pid.read_text()) == process.pid
    yield port, upstream
    process.terminate()
    assert process.wait(5) == 0


def test_the_proxy_reads_its_upstream_at_each_connection(proxy: tuple[int, Path]) -> None:
    port, upstream = proxy
    with echo(b"blue ") as blue, echo(b"green ") as green:
        upstream.write_text(f"{blue}\n")
        with socket.create_connection(("127.0.0.1", port)) as kept:
            kept.sendall(b"begun before, ")
            time.sleep(0.2)
            upstream.write_text(f"{green}\n")
            assert through(port, b"after") == b"green after"
            kept.sendall(b"ended after")
            kept.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: kept.recv(1000), b"")) == b"blue begun before, ended after"
        big = b"x" * 5_000_000
        assert through(port, big) == b"green " + big


def test_the_proxy_answers_503_where_nothing_serves(proxy: tuple[int, Path]) -> None:
    port, upstream = proxy
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for text in (None, "", "no port\n", f"{PORTS.free()}\n"):
        if text is not None:
            upstream.write_text(text)
        answer = through(port, request)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.endswith(b"\n")


def test_the_proxy_listens_on_loopback_alone(proxy: tuple[int, Path]) -> None:
    port, _ = proxy
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
            socket.create_connection((str(address), port), timeout=0.5)
