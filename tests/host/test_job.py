"""Kind `job` on a real host: it runs and ends, at its deployment and by a timer."""

from __future__ import annotations

import re

import pytest

from tests.host.ground import until
from tests.host.host import Host, Shop
from tests.sandbox.bundles import Bundle

RUNS = """
import time
def tell(name):
    with open(os.environ["OUTPUT_DIR"] + "/" + name, "a") as file:
        print(VERSION_OF_JOB, file=file)
tell("runs")
time.sleep({takes})
tell("ends")
print("42 rows written", flush=True)
sys.exit({code})
"""


SELDOM = "*-02-29 12:00:00"

# How a job's end is told, by what it runs as.
ENDED = {"docker": "its container exited with code 9", "process": "it exited with code 9"}


@pytest.fixture(params=["docker", "process"])
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def job(
    shop: Shop, version: str, code: int = 0, runtime: str = "docker", takes: float = 0, **environment: object
) -> Bundle:
    text = RUNS.replace("VERSION_OF_JOB", repr(version)).format(code=code, takes=takes)
    make = shop.process if runtime == "process" else shop.docker
    return make(version, code=text, kind="job", **environment)  # type: ignore[arg-type]


def runs(host: Host, what: str = "runs") -> list[str]:
    """The versions that have run (`ends`: to their end), by what they wrote into the output folder."""
    return host.machine.check(f"if [ -e /opt/hello/output/{what} ]; then cat /opt/hello/output/{what}; fi").split()


def by_timer(host: Host) -> list[str]:
    """The versions that run when the timer's time has come."""
    count = len(runs(host))
    host.machine.check("systemctl start hello@job")
    return runs(host)[count:]


def schedule(host: Host) -> tuple[str, str, str]:
    """Whether the timer is active and enabled, and when systemd has it run the job."""
    said = host.machine.check("systemctl show -p ActiveState -p UnitFileState -p TimersCalendar hello-job.timer")
    found = dict(line.split("=", 1) for line in said.splitlines())
    when = re.search("OnCalendar=([^;]*) ;", found.get("TimersCalendar", ""))
    return found["ActiveState"], found["UnitFileState"], when[1] if when else ""


def test_a_job_is_run_and_its_exit_code_and_lines_are_reported(host: Host, shop: Shop, runtime: str) -> None:
    answer = host.deploy(host.publish(job(shop, "0.1.0-dev", runtime=runtime)))
    assert (answer.outcome, answer.serving) == ("healthy", "0.1.0-dev"), answer.output
    assert "exited with code 0" in answer.output
    assert "42 rows written" in answer.output
    assert runs(host) == ["0.1.0-dev"]
    folder, rows, unit = host.machine.check(
        "cd /opt/hello/output; stat -c '%a %U %G' . runs; systemctl show -p Type --value hello@job"
    ).splitlines()
    assert (folder, unit) == ("2770 root app-hello", "oneshot")
    writer = {"docker": "644 nobody app-hello", "process": "640 app-hello app-hello"}
    assert rows == writer[runtime]
    assert "42 rows written" in host.machine.check("journalctl --unit hello@next --output cat --no-pager")
    status = host.status()
    assert (status.outcome, status.serving) == ("healthy", "0.1.0-dev"), status.output


def test_a_job_that_fails_leaves_the_version_before_it_in_place(host: Host, shop: Shop, runtime: str) -> None:
    first = host.publish(job(shop, "0.1.0-dev", runtime=runtime))
    assert host.deploy(first).outcome == "healthy"
    answer = host.deploy(host.publish(job(shop, "0.1.1-dev", 9, runtime)))
    assert (answer.code, answer.outcome, answer.serving) == (6, "failed", "0.1.0-dev"), answer.output
    assert answer.reason == f"the job failed: {ENDED[runtime]}"
    assert "ExecMainStatus=9" in answer.evidence
    assert "42 rows written" in answer.evidence
    assert "0.1.0-dev" in host.machine.check("cat /opt/hello/run/job.start")
    assert (runs(host), host.status().serving) == (["0.1.0-dev", "0.1.1-dev"], "0.1.0-dev")


@pytest.mark.parametrize("asked", [False, True])
def test_a_job_is_rolled_back_and_run_only_if_that_is_asked_for(
    host: Host, shop: Shop, runtime: str, asked: bool
) -> None:
    first = host.publish(job(shop, "0.1.0-dev", runtime=runtime, run_at_rollback=asked))
    for bundle in (first, host.publish(job(shop, "0.1.1-dev", runtime=runtime))):
        assert host.deploy(bundle).outcome == "healthy"
    answer = host.rollback(first)
    assert (answer.outcome, answer.serving, answer.previous) == ("healthy", "0.1.0-dev", "0.1.1-dev"), answer.output
    assert runs(host) == ["0.1.0-dev", "0.1.1-dev", *(["0.1.0-dev"] if asked else [])]
    assert by_timer(host) == ["0.1.0-dev"]


def test_a_timer_runs_the_job_also_after_a_boot(host: Host, shop: Shop, runtime: str) -> None:
    timed = job(shop, "0.1.0-dev", runtime=runtime, timer="*-*-* *:*:0/2", run_at_deploy=False)
    answer = host.deploy(host.publish(timed))
    assert answer.outcome == "healthy", answer.output
    until(lambda: "0.1.0-dev" in runs(host), 20, "the timer runs it")
    host.machine.kill()
    host.machine.boot()
    count = len(runs(host))
    until(lambda: len(runs(host)) > count, 20, "the timer runs it after a boot")
    broken = job(shop, "0.1.1-dev", 9, runtime, timer="*-*-* *:*:0/2", run_at_deploy=False)
    assert host.deploy(host.publish(broken)).outcome == "healthy"  # it was not run yet
    said = [host.status()]
    until(lambda: (said.append(host.status()), said[-1].outcome == "failed")[1], 60, "status says that a run fails")
    failed = said[-1]  # the next run begins within two seconds: asked once more, it may say so
    assert ("exit code 9" in failed.reason, "42 rows written" in failed.evidence) == (True, True), failed.output
    host.machine.check("systemctl stop hello-job.timer")
    status = host.status()
    assert (status.outcome, "systemctl enable --now hello-job.timer" in status.reason) == ("failed", True), (
        status.output
    )


def test_a_timer_that_systemd_does_not_understand_is_an_error_before_anything_runs(host: Host, shop: Shop) -> None:
    answer = host.deploy(host.publish(job(shop, "0.1.0-dev", timer="every tuesday")))
    assert (answer.outcome, answer.serving) == ("failed", ""), answer.output
    assert "systemd-analyze calendar 'every tuesday'" in answer.reason
    assert runs(host) == []


@pytest.mark.parametrize("fault", ["crash", ""])
def test_a_job_becomes_a_service(host: Host, shop: Shop, fault: str) -> None:
    assert host.deploy(host.publish(job(shop, "0.1.0-dev", timer="*-*-* 03:30:00"))).outcome == "healthy"
    answer = host.deploy(host.publish(shop.docker("0.1.1-dev", {"healthy": not fault, "fault": fault})))
    assert (answer.outcome, host.answers()) == (("failed", "") if fault else ("healthy", "0.1.1-dev")), answer.output
    timer = host.machine.run("systemctl is-active hello-job.timer").out.strip()
    assert (timer, host.status().serving) == (("active", "0.1.0-dev") if fault else ("inactive", "0.1.1-dev"))


def test_a_service_becomes_a_job(host: Host, shop: Shop) -> None:
    assert host.deploy(host.publish(shop.docker("0.1.0-dev"))).outcome == "healthy"
    answer = host.deploy(host.publish(job(shop, "0.1.1-dev")))
    assert (answer.outcome, host.answers(), host.status().serving) == ("healthy", "", "0.1.1-dev"), answer.output


# -- while it runs -----------------------------------------------------------------------------------------------------


def test_a_run_that_is_under_way_is_waited_for(host: Host, shop: Shop, runtime: str) -> None:
    assert host.deploy(host.publish(job(shop, "0.1.0-dev", runtime=runtime, takes=4))).outcome == "healthy"
    second = host.publish(job(shop, "0.1.1-dev", runtime=runtime))
    host.machine.check("systemctl start --no-block hello@job")
    until(lambda: len(runs(host)) == 2, 10, "it runs")
    answer = host.deploy(second)
    assert answer.outcome == "healthy", answer.output
    assert "0.1.0-dev has been running since" in answer.output
    assert runs(host, "ends") == ["0.1.0-dev", "0.1.0-dev", "0.1.1-dev"]


@pytest.mark.parametrize("kind", ["job", "service"])
def test_what_takes_the_place_of_a_run_that_does_not_end_is_held_off(host: Host, shop: Shop, kind: str) -> None:
    first = host.publish(job(shop, "0.1.0-dev", takes=60, run_at_deploy=False, timer=SELDOM))
    assert host.deploy(first).outcome == "healthy"
    limits = {"timeout": 6}
    second = host.publish((job if kind == "job" else Shop.docker)(shop, "0.1.1-dev", **limits))  # type: ignore[operator]
    host.machine.check("systemctl start --no-block hello@job")
    until(lambda: len(runs(host)) == 1, 10, "it runs")
    answer = host.deploy(second)
    assert (answer.code, answer.outcome, answer.serving) == (4, "held", "0.1.0-dev"), answer.output
    assert "0.1.0-dev has been running since" in answer.reason
    assert "did not end within 2 s" in answer.reason
    assert "systemctl stop hello@job" in answer.reason
    assert host.machine.check("systemctl show -p ActiveState --value hello@job") == "activating"
    host.machine.check("systemctl stop hello@job")
    assert (host.deploy(second).outcome, host.status().serving) == ("healthy", "0.1.1-dev")


def test_a_run_that_begins_while_a_service_takes_the_jobs_place_comes_to_its_end(host: Host, shop: Shop) -> None:
    first = host.publish(job(shop, "0.1.0-dev", takes=6, run_at_deploy=False, timer=SELDOM))
    assert host.deploy(first).outcome == "healthy"
    late = host.publish(shop.docker("0.1.1-dev", code="import time\ntime.sleep(3)"))
    agent = host.machine.start(host.script(host.order("deploy", late)))
    until(lambda: host.journal()[-1] == "health", 20, "its health is asked for")
    host.machine.check("systemctl start --no-block hello@job")
    agent.wait(60)
    assert (host.status().serving, runs(host, "ends")) == ("0.1.1-dev", ["0.1.0-dev"])


def test_what_is_started_during_the_run_of_a_deployment_waits_for_its_end(host: Host, shop: Shop, runtime: str) -> None:
    assert host.deploy(host.publish(job(shop, "0.1.0-dev", runtime=runtime))).outcome == "healthy"
    slow = host.publish(job(shop, "0.1.1-dev", 1, runtime, takes=4))
    agent = host.machine.start(host.script(host.order("deploy", slow)))
    until(lambda: runs(host)[-1] == "0.1.1-dev", 20, "the deployment runs it")
    host.machine.check("systemctl start --no-block hello@job")  # as its timer does
    agent.wait(60)
    until(lambda: len(runs(host, "ends")) == 3, 10, "it is run after that")
    assert runs(host) == runs(host, "ends") == ["0.1.0-dev", "0.1.1-dev", "0.1.0-dev"]


def test_a_job_that_is_run_all_the_time_is_deployed_between_two_runs(host: Host, shop: Shop) -> None:
    busy = job(shop, "0.1.0-dev", runtime="process", takes=1.5, timer="*:*:*", run_at_deploy=False)
    assert host.deploy(host.publish(busy)).outcome == "healthy"
    until(lambda: len(runs(host)) > 0, 10, "the timer runs it")
    answer = host.deploy(host.publish(job(shop, "0.1.1-dev", 1, "process", takes=3)))
    assert answer.outcome == "failed", answer.output
    count = len(runs(host))
    until(lambda: len(runs(host)) > count, 10, "the timer runs the old version again")
    host.machine.check("systemctl stop hello-job.timer")
    until(lambda: len(runs(host)) == len(runs(host, "ends")), 10, "its last run has ended")
    assert runs(host) == runs(host, "ends")
    assert runs(host).count("0.1.1-dev") == 1
