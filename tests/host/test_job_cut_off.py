"""A job whose deployment is cut off: what is committed is what runs, and the next run or a boot sees to the rest."""

from __future__ import annotations

import re

import pytest

from tests.host.ground import until
from tests.host.host import Host, Shop
from tests.host.test_job import by_timer, job, runs, schedule
from tests.sandbox.bundles import Bundle

OLD, NEW = "*-01-01 03:30:00", "*-02-02 04:40:00"  # when the timers run them
# Stands before systemctl, and kills the deployment, with all that it has started, when that is asked for one thing.
CUT = """\
mkdir -p /root/cut
cat >/root/cut/systemctl <<'END'
#!/bin/sh
if [ "$*" = "{asked}" ]; then kill -KILL 0; fi
exec /usr/bin/systemctl "$@"
END
chmod +x /root/cut/systemctl
"""
CUT_PATH = "/root/cut:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def first(host: Host, shop: Shop) -> Bundle:
    """The job that is in place."""
    bundle = host.publish(job(shop, "0.1.0-dev", runtime="process", timer=OLD))
    assert host.deploy(bundle).outcome == "healthy"
    return bundle


@pytest.fixture
def second(host: Host, shop: Shop) -> Bundle:
    """The one whose deployment is cut off."""
    return host.publish(job(shop, "0.1.1-dev", runtime="process", timer=NEW))


def cut_off(host: Host, bundle: Bundle, step: str, boot: bool = False) -> None:
    done = host.machine.run(host.script(host.order("deploy", bundle)), {"TAGSHIP_KILL_AFTER": step})
    assert (done.out, host.journal()[-1]) == ("", step), done.out
    if boot:
        host.machine.kill()
        host.machine.boot()


def cut_off_at(host: Host, bundle: Bundle, asked: str) -> None:
    """Kill a deployment when it asks systemctl for something, before systemctl does it."""
    host.machine.check(CUT.format(asked=asked))
    assert host.machine.run(host.script(host.order("deploy", bundle)), {"PATH": CUT_PATH}).out == ""


@pytest.mark.parametrize("step", ["environment", "start", "switch"])
def test_what_was_committed_is_in_place_and_deploying_it_changes_nothing(
    host: Host, first: Bundle, second: Bundle, step: str
) -> None:
    cut_off(host, second, step)
    assert host.deploy(first).outcome == "unchanged"
    assert (by_timer(host), schedule(host)) == (["0.1.0-dev"], ("active", "enabled", OLD))
    assert nothing_is_left(host)


def test_what_another_program_put_in_place_is_not_taken_for_what_was_committed(host: Host, first: Bundle) -> None:
    """An older release's program has its own way of changing a job, and may have been cut off in it."""
    host.machine.check("echo '0 0.0.9-dev 0 0' >/opt/hello/run/job")
    status = host.status()
    assert (status.serving, "was cut off" in status.reason) == ("0.0.9-dev", True), status.output
    assert host.deploy(first).outcome == "healthy"
    assert host.status().serving == "0.1.0-dev"


def test_a_version_whose_run_outlives_its_deployment_is_stopped_by_the_next(
    host: Host, shop: Shop, first: Bundle
) -> None:
    slow = host.publish(job(shop, "0.1.1-dev", runtime="process", timer=NEW, takes=60))
    agent = host.machine.start(host.script(host.order("deploy", slow)))
    until(lambda: runs(host)[-1] == "0.1.1-dev", 20, "it runs")
    host.machine.ground.end(f"{host.machine.name}/agent")
    agent.wait(10)
    assert host.status().serving == "0.1.0-dev"
    answer = host.deploy(first)
    assert (answer.outcome, "Stopping 0.1.1-dev, run by an action that was cut off" in answer.output) == (
        "unchanged",
        True,
    )
    assert host.machine.check("systemctl show -p ActiveState --value hello@next") == "inactive"
    assert by_timer(host) == ["0.1.0-dev"]


def test_a_deployment_that_dies_while_it_waits_for_a_run_leaves_no_timer_stopped(
    host: Host, shop: Shop, second: Bundle
) -> None:
    slow = host.publish(job(shop, "0.1.0-dev", runtime="process", timer=OLD, takes=60, run_at_deploy=False))
    assert host.deploy(slow).outcome == "healthy"
    host.machine.check("systemctl start --no-block hello@job")
    until(lambda: len(runs(host)) == 1, 10, "it runs")
    agent = host.machine.start(host.script(host.order("deploy", second)))
    until(lambda: schedule(host)[0] == "inactive", 20, "its end is waited for")
    status = host.status()
    assert (status.outcome, "an action is under way" in status.reason) == ("healthy", True), status.output
    host.machine.ground.end(f"{host.machine.name}/agent")
    agent.wait(10)
    assert (host.status().outcome, host.deploy(slow).outcome, host.status().outcome) == (
        "failed",
        "unchanged",
        "healthy",
    )
    assert schedule(host) == ("active", "enabled", OLD)


@pytest.mark.parametrize("asked", ["daemon-reload", "reenable hello-job.timer", "restart hello-job.timer"])
def test_a_schedule_that_was_changed_holds_whatever_was_cut_off(
    host: Host, first: Bundle, second: Bundle, asked: str
) -> None:
    cut_off_at(host, second, asked)
    assert host.journal()[-1] == "timer"
    answer = host.run(host.order("prune", None))
    assert (answer.outcome, answer.serving) == ("pruned", "0.1.1-dev"), answer.output
    assert (by_timer(host), schedule(host)) == (["0.1.1-dev"], ("active", "enabled", NEW))
    assert host.deploy(second).outcome == "unchanged"


def test_a_unit_that_systemd_has_not_read_yet_is_read_by_the_next_run(host: Host, shop: Shop, first: Bundle) -> None:
    """It would run as the account of the version before, which may not read this one's variables."""
    another = host.publish(shop.process("0.1.1-dev", code="sys.exit(0)", kind="job", timer=NEW, user="daemon"))
    cut_off_at(host, another, "daemon-reload")
    assert host.journal()[-1] == "start"
    answer = host.deploy(another)
    assert answer.outcome == "healthy", answer.output
    assert host.machine.check("stat -c %U /opt/hello/run/job-*.env") == "daemon"


# -- a service that becomes a job, and a job that becomes a service ----------------------------------------------------


@pytest.mark.parametrize("boot", [False, True])
@pytest.mark.parametrize("step", ["switch", "commit", "timer", "stop"])
def test_a_service_that_was_to_become_a_job_is_the_one_or_the_other(
    host: Host, shop: Shop, second: Bundle, step: str, boot: bool
) -> None:
    assert host.deploy(host.publish(shop.process("0.1.0-dev"))).outcome == "healthy"
    cut_off(host, second, step, boot)
    committed = step in ("timer", "stop")
    if not boot or not committed:
        until(lambda: host.answers() == "0.1.0-dev", 20, "the service answers")
        assert host.status().serving == ("0.1.1-dev" if step == "stop" else "0.1.0-dev")
    else:
        assert (host.answers(), host.status().serving) == ("", "0.1.1-dev")
    if boot:
        assert schedule(host)[0] == ("active" if committed else "inactive")
    answer = host.run(host.order("prune", None))
    if committed:
        assert (answer.outcome, answer.serving, host.answers()) == ("pruned", "0.1.1-dev", ""), answer.output
        assert (by_timer(host), schedule(host)) == (["0.1.1-dev"], ("active", "enabled", NEW))
        assert nothing_is_left(host)
    else:
        assert (answer.outcome, answer.serving, host.answers()) == ("pruned", "0.1.0-dev", "0.1.0-dev"), answer.output
        assert schedule(host)[0] == "inactive"
    assert living(host) == ([] if committed else ["hello@blue.service"])


@pytest.mark.parametrize("boot", [False, True])
def test_a_job_that_was_to_become_a_service_has_its_timer_again(
    host: Host, shop: Shop, first: Bundle, boot: bool
) -> None:
    """Its timer is stopped when the service serves. That is committed by the next run, unless a boot came before."""
    service = host.publish(shop.process("0.1.1-dev"))
    cut_off(host, service, "commit", boot)
    if boot:
        assert schedule(host) == ("active", "enabled", OLD)
        assert (host.status().serving, by_timer(host)) == ("0.1.0-dev", ["0.1.0-dev"])
        assert host.deploy(first).outcome == "unchanged"
    else:
        assert host.deploy(service).outcome == "unchanged"
        assert (host.answers(), schedule(host)[0]) == ("0.1.1-dev", "inactive")


def test_a_job_whose_successor_did_not_live_to_be_committed_has_its_timer_again(
    host: Host, shop: Shop, first: Bundle
) -> None:
    cut_off(host, host.publish(shop.process("0.1.1-dev")), "commit")
    host.machine.check("systemctl stop hello@blue")
    answer = host.deploy(first)
    assert (answer.outcome, schedule(host)) == ("unchanged", ("active", "enabled", OLD)), answer.output


@pytest.mark.parametrize("fault", ["crash", ""])
def test_a_boot_starts_no_job(host: Host, shop: Shop, first: Bundle, fault: str) -> None:
    """Neither one whose successor failed, nor one that is a service now."""
    service = host.publish(shop.process("0.1.1-dev", {"healthy": not fault, "fault": fault}))
    assert host.deploy(service).outcome == ("failed" if fault else "healthy")
    count = len(runs(host))
    host.machine.kill()
    host.machine.boot()
    host.machine.check("systemctl start hello-boot")  # returns when it has ended
    assert schedule(host)[0] == ("active" if fault else "inactive")
    until(lambda: host.answers() == ("" if fault else "0.1.1-dev"), 20, "the service serves, where it is one")
    assert len(runs(host)) == count
    assert host.machine.check("systemctl show -p ActiveState --value hello@job") == "inactive"


def nothing_is_left(host: Host) -> bool:
    """Whether all there is is the job in place."""
    names = host.machine.run("cd /opt/hello/run && ls -d job* next* blue* green* proxy proxy.map ../*.new").out
    return re.fullmatch(r"job\njob-[0-9a-f-]+\.env\njob\.start\njob\.written\n", names) is not None


def living(host: Host) -> list[str]:
    said = host.machine.check("systemctl list-units --plain --no-legend --state=active,activating 'hello@*'")
    return [line.split()[0] for line in said.splitlines()]
