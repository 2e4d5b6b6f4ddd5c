"""What is captured of a version that failed, and the whole way of it: verdict, error, ledger, CI's summary."""

from __future__ import annotations

import json

import pytest

from tagship.domain.ec2 import verdict
from tagship.domain.secrets import SSM, SecretRef
from tagship.errors import DeployFailed
from tagship.verbs.deploy import deploy
from tagship.verbs.notify import notify
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget, machine
from tests.host.host import Host, Shop
from tests.host.test_deploy import running
from tests.sandbox.machine import Answer

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
SECRET = "s3cr3t of the database"
UNIT = ("ActiveState=", "SubState=", "Result=", "ExecMainStatus=", "NRestarts=")
CONTAINER = ("its container: exited, exit code 3", "killed for want of memory: false")
TELLS = """
print("the password is", os.environ["SECRET"], flush=True)
print("last words", flush=True)
"""
NO_SECOND_LIFE = """
if os.path.exists("/opt/hello/gone"):
    print("I was started again", flush=True)
    sys.exit(5)
"""


def broken(host: Host, shop: Shop, runtime: str) -> Answer:
    """Deploy what prints a secret and dies, over what serves."""
    (host.aws / "parameters.json").write_text(
        json.dumps({"Parameters": [{"Name": "/hello/secret", "Version": 1, "Value": SECRET}]})
    )
    ship = shop.process if runtime == "process" else shop.docker
    assert host.deploy(host.publish(ship(OLD))).outcome == "healthy"
    secrets = {"SECRET": SecretRef(SSM, "/hello/secret", "1")}
    bundle = ship(NEW, {"healthy": False, "fault": "crash"}, code=TELLS, secrets=secrets)  # type: ignore[arg-type]
    return host.deploy(host.publish(bundle))


@pytest.mark.parametrize("runtime", ["docker", "process"])
def test_everything_that_is_known_of_a_failure_reaches_everybody(host: Host, shop: Shop, runtime: str) -> None:
    answer = broken(host, shop, runtime)
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", OLD), answer.output
    parts = ["the password is ***", "last words", "its last answer: none", "code=exited, status=3", *UNIT]
    parts += CONTAINER if runtime == "docker" else []
    report = verdict.read("i-00000000000000001", answer.output, "")
    app = FakeApp(hosts=FakeTarget([machine("web-1", OLD, report)]))
    app.publish(NEW)
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    notify(app, artifact=NEW)
    [kept] = [
        entry.details["evidence"]
        for one in app.ledger.deployments("dev", 1)
        for entry in one.entries
        if "evidence" in entry.details
    ]
    for place, text in (
        ("the error", caught.value.evidence),
        ("the ledger", kept),
        ("the summary", app.ci.summary),
        ("what people read of the command", answer.output.split("\n", 1)[1]),
    ):
        assert [part for part in parts if part not in text] == [], f"{place}: {text}"
        assert SECRET not in text, place
    assert SECRET not in host.machine.check("cat /opt/hello/log/*.log /opt/hello/journal.jsonl")


def test_the_body_of_a_bad_health_answer_is_kept(host: Host, shop: Shop) -> None:
    answer = host.deploy(host.publish(shop.docker(NEW, {"healthy": False, "fault": "error"})))
    assert '500 {"status": "error"' in answer.evidence
    assert "the process: it runs" in answer.evidence
    assert "its container: running" in answer.evidence
    assert "ActiveState=active" in answer.evidence


def test_where_the_old_version_does_not_come_back_what_is_known_of_it_is_told_too(host: Host, shop: Shop) -> None:
    first = shop.process(
        OLD,
        code=NO_SECOND_LIFE,
        zero_downtime=False,
    )
    assert host.deploy(host.publish(first)).outcome == "healthy"
    host.machine.check("touch /opt/hello/gone")
    answer = host.deploy(host.publish(shop.process(NEW, {"healthy": False, "fault": "crash"}, zero_downtime=False)))
    assert (answer.code, answer.outcome, answer.serving) == (7, "rollback-failed", ""), answer.output
    assert answer.reason == f"it exited with code 3; and {OLD} does not answer: it exited with code 5"
    new, _, old = answer.evidence.partition(f"--- {OLD}, started again")
    assert ("ExecMainStatus=3" in new, "ExecMainStatus=5" in old, "I was started again" in old) == (True, True, True)


def test_a_kept_version_that_does_not_come_back_says_why(host: Host, shop: Shop) -> None:
    """Its container is started before its unit is: nothing that it said meanwhile is lost."""
    code = "if os.path.exists(os.environ['OUTPUT_DIR'] + '/broken'): sys.exit('the schema is too new for me')"
    first, second = host.publish(shop.docker("0.1.0-dev", code=code)), host.publish(shop.docker("0.1.1-dev"))
    for bundle in (first, second):
        assert host.deploy(bundle).outcome == "healthy"
    host.machine.check("touch /opt/hello/output/broken")
    answer = host.rollback(first)
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "0.1.1-dev"), answer.output
    assert "Its container is ready." in answer.output
    assert answer.reason == "its container exited with code 1"
    assert "the schema is too new for me" in answer.evidence
    assert answer.seconds < 10
    assert (host.answers(), running(host)) == ("0.1.1-dev", ["0.1.1-dev"])
    host.machine.check("rm /opt/hello/output/broken")
    assert host.rollback(first).outcome == "healthy"
