"""What EC2 hosts are asked to do: the parameters of the SSM document, one to one."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING = "none"  # how an order spells an artifact, a digest or a deployment that it does not name


@dataclass(frozen=True)
class Order:
    """An order to hosts."""

    action: str  # deploy | rollback | status | prune
    app: str
    environment: str
    artifact_id: str
    manifest_sha256: str
    deployment_id: str
    fence: int
    bucket: str
    region: str
    timeout: int = 900
    unsigned: str = "refused"  # refused | allowed: what the environment's settings say; the host has to say so too
    numbers: str = ""  # operational ones, as `numbers` writes them; empty: the bundle's, or the host program's own
