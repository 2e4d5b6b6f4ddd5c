"""The login to ECR: by its credential helper where the host has it, else by `aws`; nothing of either is left behind."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.host.faulty import NEW, fails, works_again
from tests.host.host import Host, Shop
from tests.host.registry import HOST, PASSWORD
from tests.sandbox.bundles import Bundle

# Speaks the protocol, caches what it gave, and logs why it gave nothing, as amazon-ecr-credential-helper does.
HELPER = """\
#!/bin/sh
read -r server
echo "$1 $server" >>/srv/aws/helper-asked
folder=${AWS_ECR_CACHE_DIR:-$HOME/.ecr}
mkdir -p "$folder/log"
if ! password=$(cat /srv/aws/helper-password); then
  echo 'level=error msg="Error retrieving credentials" error="ecr: AccessDeniedException"' >"$folder/log/ecr-login.log"
  echo "credentials not found in native keychain"
  exit 1
fi
printf '{"AuthorizationToken": "%s"}\\n' "$password" >"$folder/cache.json"
printf '{"ServerURL":"%s","Username":"AWS","Secret":"%s"}\\n' "$server" "$password"
"""


@pytest.fixture
def helped(host: Host) -> Iterator[Host]:
    """A host that has the helper, and an `aws` that could not log in."""
    program = host.machine.root / "usr/local/bin/docker-credential-ecr-login"
    program.write_text(HELPER)
    program.chmod(0o755)
    (host.aws / "helper-password").write_text(PASSWORD)
    (host.aws / "ecr-password").write_text("wrong")
    try:
        yield host
    finally:
        program.unlink()
        for name in ("helper-asked", "helper-password"):
            (host.aws / name).unlink(missing_ok=True)


def test_the_helper_logs_in_and_leaves_nothing(helped: Host, shop: Shop) -> None:
    answer = helped.deploy(helped.publish(shop.docker("0.1.0-dev")))
    assert answer.outcome == "healthy", answer.output
    assert set((helped.aws / "helper-asked").read_text().splitlines()) == {f"get {HOST}"}
    assert left(helped) == []


def test_a_helper_that_has_no_credentials_is_told_of(helped: Host, shop: Shop) -> None:
    (helped.aws / "helper-password").unlink()
    answer = helped.deploy(helped.publish(shop.docker("0.1.0-dev")))
    assert (answer.outcome, answer.serving) == ("failed", ""), answer.output
    assert "(ecr: AccessDeniedException)" in answer.reason
    assert "this host's role needs ecr:GetAuthorizationToken" in answer.reason
    assert left(helped) == []


REFUSED = (
    "An error occurred (AccessDeniedException) when calling the GetAuthorizationToken operation: User: "
    "arn:aws:sts::123456789012:assumed-role/hello/i-0123456789abcdef0 is not authorized to perform: "
    "ecr:GetAuthorizationToken on resource: * because no identity-based policy allows it"
)


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (f"echo '{REFUSED}' >&2; exit 254", (REFUSED, "this host's role needs ecr:GetAuthorizationToken")),
        ("sleep 60", ("did not end within 2 s", "see that the registry can be reached from this host")),
    ],
    ids=["refused", "silent"],
)
def test_an_aws_that_gives_no_password_is_told_of(
    host: Host, shop: Shop, serving: Bundle, does: str, words: tuple[str, ...]
) -> None:
    bundle, limit = shop.docker(NEW), host.machine.root / "etc/tagship/hello/host.conf"
    limit.write_text("PULL_LIMIT=2\n")
    program = host.machine.root / "usr/local/bin/aws"
    usual = program.read_text()
    program.write_text(usual.replace("exec cat /srv/aws/ecr-password", does))
    try:
        fails(host, bundle, "no login to", "aws ecr get-login-password", *words)
    finally:
        program.write_text(usual)
        limit.unlink()
    works_again(host, bundle)
    assert left(host) == []


def test_a_pull_that_was_cut_off_leaves_its_login_to_root_alone_until_the_next_action(host: Host, shop: Shop) -> None:
    bundle = host.publish(shop.docker("0.1.0-dev"))
    folder = host.machine.root / "opt/hello/run/docker"
    host.machine.run(host.script(host.order("deploy", bundle)), {"TAGSHIP_KILL_AFTER": "pull"})
    folder.mkdir(mode=0o700)  # the very moment after the login
    (folder / "config.json").write_text(PASSWORD)
    assert host.run(host.order("prune", None)).outcome == "pruned"
    assert left(host) == []


def left(host: Host) -> list[str]:
    """Files of the host's own disk that hold the password, in whichever form; and what the helper's cache may be."""
    secrets = (PASSWORD.encode(), base64.b64encode(f"AWS:{PASSWORD}".encode()))
    written = [path for path in host.machine.written() if any(secret in path.read_bytes() for secret in secrets)]
    return [str(path) for path in [*written, *(path for path in host.machine.written() if ".ecr" in path.parts)]]
