"""What stands before a program's first line, so that AWS refuses it calls, or it dies."""

from __future__ import annotations

import os
from typing import Any

USER = "arn:aws:sts::123456789012:assumed-role/ada/ada"


def denied(*calls: str, from_: int = 1) -> str:
    """The lines of a process whose identity may not make these calls, from the so manieth of all of them on."""
    return f"from tests.kinds.denying import deny; deny({calls!r}, {from_})"


def killed(call: str) -> str:
    """The lines of a process that dies right after a call."""
    return f"from tests.kinds.denying import die; die({call!r})"


def deny(calls: tuple[str, ...], from_: int) -> None:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    seen: list[str] = []

    def refusing(self: Any, name: str, given: Any) -> Any:
        if name in calls:
            seen.append(name)
            if len(seen) >= from_:
                service = self.meta.service_model.service_name
                words = (
                    f"User: arn:aws:sts::123456789012:assumed-role/ada is not authorized to perform: {service}:{name}"
                )
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": words}}, name)
        return call(self, name, given)

    BaseClient._make_api_call = refusing  # type: ignore[attr-defined]


def die(after: str) -> None:
    from botocore.client import BaseClient

    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def dying(self: Any, name: str, given: Any) -> Any:
        answer = call(self, name, given)
        if name == after:
            os.kill(os.getpid(), 9)
        return answer

    BaseClient._make_api_call = dying  # type: ignore[attr-defined]
