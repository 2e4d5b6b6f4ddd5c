"""What somebody edits by hand on a real host: its status names it, and the same version deployed again mends it."""

from __future__ import annotations

from tests.host.host import Host, Shop
from tests.host.test_job import job

UNITS = "/etc/systemd/system"


def test_edits_of_units_and_variables_are_named_and_the_same_version_deployed_again_mends_them(
    host: Host, shop: Shop
) -> None:
    version = host.publish(shop.process("0.1.0-dev"))
    answer = host.deploy(version)
    assert answer.outcome == "healthy", answer.output
    assert "edited" not in host.status().verdict
    edit = f"echo '# by hand' >>{UNITS}/hello@blue.service && echo '# by hand' >>{UNITS}/hello-proxy.service"
    more = f"mkdir -p {UNITS}/hello@.service.d && printf '[Service]\\nNice=5\\n' >{UNITS}/hello@.service.d/nice.conf"
    host.machine.check(f"{edit} && {more} && echo \"X='1'\" >>/opt/hello/.env && systemctl daemon-reload")
    looked = host.status()
    assert looked.verdict["edited"] == [
        "hello-proxy.service",
        "hello@.service.d/nice.conf",
        "hello@blue.service",
        ".env",
    ]
    assert looked.outcome == "healthy"
    again = host.deploy(version)
    assert (again.outcome, host.answers()) == ("healthy", "0.1.0-dev"), again.output
    assert "edited" not in host.status().verdict, "a drop-in is the host's own: what runs has it now"
    assert host.machine.check("systemctl show -p Nice --value hello@green").strip() == "5"
    kept = host.machine.check(f"cat {UNITS}/hello-proxy.service /opt/hello/.env /opt/hello/run/green.env")
    assert "by hand" not in kept
    assert "X=" not in kept
    host.machine.check(f"rm -r {UNITS}/hello@.service.d && systemctl daemon-reload")
    assert host.status().verdict["edited"] == ["hello@.service.d/nice.conf"]


def test_a_containers_start_script_counts_and_a_second_version_is_no_edit(host: Host, shop: Shop) -> None:
    for number in ("0.1.0-dev", "0.1.1-dev"):
        assert host.deploy(host.publish(shop.docker(number))).outcome == "healthy"
        assert "edited" not in host.status().verdict
    host.machine.check("echo '# by hand' >>/opt/hello/run/green.start")
    assert host.status().verdict["edited"] == ["run/green.start"]


def test_a_jobs_unit_and_timer_count(host: Host, shop: Shop) -> None:
    bundle = host.publish(job(shop, "0.1.0-dev", runtime="process", timer="hourly"))
    answer = host.deploy(bundle)
    assert answer.outcome == "healthy", answer.output
    assert "edited" not in host.status().verdict
    host.machine.check(f"echo '# by hand' >>{UNITS}/hello@job.service && systemctl daemon-reload")
    assert host.status().verdict["edited"] == ["hello@job.service"]
    assert host.deploy(bundle).outcome == "healthy"
    assert "edited" not in host.status().verdict
