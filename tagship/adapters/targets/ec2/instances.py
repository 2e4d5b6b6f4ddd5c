"""Which machines an environment's tags name, and which of them SSM can reach. At most 50 ids go into one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain.units import Unit

IDS = 50  # instance ids a call
PAGE = 200  # instances a page
AT_ONCE = 4  # calls about agents
OF_AGENT = ("InstanceId", "PingStatus", "AgentVersion")
COUNTS = ("InstanceId", "Tags", "Architecture")
OVER = frozenset({"shutting-down", "terminated"})  # the states of an instance that never runs again


@dataclass(frozen=True)
class Instances:
    """The running instances that carry every one of some tags."""

    aws: Aws
    tags: Mapping[str, str]

    @property
    def wanted(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.tags.items())

    def running(self) -> list[Any]:
        """Return what counts of EC2's descriptions, from every page."""
        # A whole description is 5 kB in memory, and of thousands in one page EC2 takes long.
        filters: Any = [{"Name": f"tag:{name}", "Values": [value]} for name, value in self.tags.items()]
        filters.append({"Name": "instance-state-name", "Values": ["running"]})
        pages = (
            self.aws.client("ec2")
            .get_paginator("describe_instances")
            .paginate(Filters=filters, PaginationConfig={"PageSize": PAGE})
        )
        rows: Iterable[Any] = (row for page in pages for group in page["Reservations"] for row in group["Instances"])
        return [{name: row[name] for name in COUNTS if name in row} for row in rows]

    def agents(self, ids: Sequence[str]) -> dict[str, Any]:
        """Return what SSM knows of each host's agent, by instance id."""
        # SSM does not know a host whose agent never registered. A call takes a tenth of a second, and a fleet dozens.
        groups = list(calls(ids))
        if len(groups) < 2:
            answers = [self._agents(group) for group in groups]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(AT_ONCE, len(groups))) as pool:
                answers = list(pool.map(self._agents, groups))
        return {agent["InstanceId"]: agent for answer in answers for agent in answer}

    def _agents(self, ids: Sequence[str]) -> list[Any]:
        pages = self.aws.client("ssm").get_paginator("describe_instance_information")
        rows: Iterable[Any] = (
            row
            for page in pages.paginate(Filters=[{"Key": "InstanceIds", "Values": list(ids)}])
            for row in page["InstanceInformationList"]
        )
        return [{name: row[name] for name in OF_AGENT if name in row} for row in rows]

    def terminated(self, ids: Sequence[str]) -> set[str]:
        """Return those that are terminated, or that EC2 no longer knows."""
        # It forgets an instance about an hour after its end.
        living: set[str] = set()
        for group in calls(ids):
            pages = self.aws.client("ec2").get_paginator("describe_instances")
            for page in pages.paginate(Filters=[{"Name": "instance-id", "Values": group}]):
                hosts = [host for reservation in page["Reservations"] for host in reservation["Instances"]]
                living |= {host["InstanceId"] for host in hosts if host["State"]["Name"] not in OVER}
        return set(ids) - living

    def reachable(self, ids: Sequence[str]) -> list[str]:
        """Return the hosts that still run, have the tags and answer SSM."""
        running = {id_["InstanceId"] for id_ in self.running()}
        agents = self.agents([id_ for id_ in ids if id_ in running])
        return [id_ for id_ in ids if id_ in agents]


def described(instance: Any, agents: Mapping[str, Any]) -> Unit:
    """Describe an instance, and why it cannot be reached, if so."""
    host = instance["InstanceId"]
    name = next((tag["Value"] for tag in instance.get("Tags", ()) if tag["Key"] == "Name"), host)
    agent = agents.get(host, {})
    ping = agent.get("PingStatus", "")
    problem = {"Online": "", "": "SSM does not know it: no agent has registered"}
    away = problem.get(ping, f"its SSM agent doesn't answer ({ping})")
    return Unit(host, name, ping == "Online", away, noun="host", agent=agent.get("AgentVersion", ""))


def calls(ids: Iterable[str]) -> Iterable[list[str]]:
    """Yield the ids in groups that one call takes."""
    waiting = iter(ids)
    while group := list(islice(waiting, IDS)):
        yield group
