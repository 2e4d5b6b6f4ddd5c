"""What hosts write: in CloudWatch Logs if their agent sends it there, else in their journals, asked for by SSM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tagship.adapters.aws.logs import LogGroup
from tagship.adapters.aws.session import Aws
from tagship.domain.ec2.journal import read_journal
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.units import Report, Unit
from tagship.errors import NotAllowed
from tagship.ports.target import Tick
from tagship.settings.logs import Logs

ID = "{instance_id}"  # in the settings' `stream`


def sent_lines(aws: Aws, environment: str, logs: Logs, units: Sequence[Unit], window: TimeRange) -> Iterator[LogLine]:
    """Yield what the hosts' agents sent to the environment's group.

    One request a page, whatever number of hosts; with a single host, of its streams alone.
    """
    group = LogGroup(aws, logs.group, f"Correct environments.{environment}.logs.group in tagship.toml")
    names = {unit.id: unit.name for unit in units}
    prefix = logs.stream.replace(ID, units[0].id if len(units) == 1 else "\0").partition("\0")[0]
    for event in group.events(window, prefix):
        name = next((names[id_] for id_ in names if id_ in event.stream), "")
        if name or ID not in logs.stream:
            yield LogLine(event.at, name or event.stream, event.text, event.id)


def asked_lines(
    units: Sequence[Unit], environment: str, ask: Callable[[], Sequence[Report]], tick: Tick
) -> Iterator[LogLine]:
    """Yield what the hosts' journals hold, by time."""
    names = {unit.id: unit.name for unit in units}
    lines: list[LogLine] = []
    for report in _asked(environment, ask):
        name = names[report.unit]
        try:
            if report.outcome == "silent":
                raise ValueError(report.reason)
            written, cut = read_journal(name, report.facts)
        except ValueError as reason:
            tick(f"{name} was not read: {reason}")
            continue
        if cut and written:
            tick(f"{name} wrote more than one answer holds: older lines are left out")
        lines += written
    yield from sorted(lines, key=LogLine.order)


def _asked(environment: str, ask: Callable[[], Sequence[Report]]) -> Sequence[Report]:
    """Ask; an identity that may not is told the other way."""
    try:
        return ask()
    except NotAllowed as reason:
        raise NotAllowed(
            reason.what,
            remedy=f"Have the hosts' agent send the log to CloudWatch, and name its group in environments.{environment}"
            ".logs.group; or use an identity that may send AWS-RunShellScript",
        ) from reason
