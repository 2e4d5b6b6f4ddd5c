"""Sessions of Session Manager: a shell on a host, or in a task of ECS.

AWS opens a session, and session-manager-plugin speaks its protocol. The plugin takes the answer from an environment
variable: the token in it must not be an argument, which everybody on a machine can read.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tagship.adapters.aws.session import Aws
from tagship.ports.logs import Session

VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"  # what the plugin calls it, from 1.2.497.0 on


def opened(aws: Aws, instance: str) -> Session:
    """Open a session on an instance. Raises ServiceFailed."""
    with aws.translated(f"opening a session on {instance}"):
        answer = aws.client("ssm").start_session(Target=instance)
    session = {name: answer[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
    endpoint = aws.client("ssm").meta.endpoint_url
    url = urlsplit(session["StreamUrl"])
    folder = url2pathname(url.path) if aws.sandbox and url.scheme == "file" else ""
    return Session({"Target": instance}, endpoint, aws.region, {VARIABLE: json.dumps(session)}, folder)


def executed(aws: Aws, cluster: str, task: str, container: str, runtime: str) -> Session:
    """Open a shell in a task's container. Raises ServiceFailed."""
    with aws.translated(f"opening a shell in {container} of task {task}"):
        answer = aws.client("ecs").execute_command(
            cluster=cluster, task=task, container=container, command="/bin/sh", interactive=True
        )
    row = answer["session"]
    session = {"SessionId": row["sessionId"], "TokenValue": row["tokenValue"], "StreamUrl": row["streamUrl"]}
    endpoint = aws.client("ssm").meta.endpoint_url
    parameters = {"Target": f"ecs:{cluster}_{task}_{runtime}"}
    return Session(parameters, endpoint, aws.region, {VARIABLE: json.dumps(session)})
