"""What somebody tries who has a job's credentials, and what of it each job's role lets them do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tagship.domain import layout
from tests.permissions.requests import CONTEXT, Request

ACCOUNT = "123456789012"
VERSION, DEPLOYMENT = "0.1.30-dev", "20261120-155301-123456-000001"
OVER = {**CONTEXT, "s3:ObjectCreationOperation": "true"}
ONCE = {**OVER, "s3:if-none-match": "*"}
ECDSA = {"kms:SigningAlgorithm": "ECDSA_SHA_256"}
HALF = "send to hosts"
CANCEL, DEREGISTER = "cancel a command of hosts", "deregister a task definition"
MADE = {"aws:ResourceTag/tagship:artifact": f"{VERSION} 00"}  # the tag of what a deployment registered
Allows = Callable[[Request], bool]


@dataclass(frozen=True)
class Place:
    """What is attacked: one environment of an app. `release` and `orders` are the ARNs of its keys."""

    environment: str
    release: str
    orders: str
    app: str = "hello"
    bucket: str = "hello-artifacts"
    tags: Mapping[str, str] | None = None

    def key(self, key: str) -> str:
        return f"arn:aws:s3:::{self.bucket}/{key}"

    def attempts(self) -> dict[str, Request]:
        """Each attempt by its name: one action that would do it."""
        app, env = self.app, self.environment
        artifact = self.key(layout.artifact(app, env, VERSION, layout.MANIFEST))
        entry = self.key(layout.ledger_entry(app, env, DEPLOYMENT, 1, "healthy"))
        place = f"arn:aws:ssm:us-east-1:{ACCOUNT}"
        function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{app}-{env}"
        definition = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/{app}-{env}:7"
        template = f"arn:aws:ec2:us-east-1:{ACCOUNT}:launch-template/lt-0{env}"
        tagged = {"aws:ResourceTag/tagship:app": app, "aws:ResourceTag/tagship:environment": env}
        repository = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{app}-{env}"
        return {
            "read artifacts": Request("s3:GetObject", artifact, CONTEXT),
            "publish": Request("s3:PutObject", artifact, ONCE),
            "write an artifact over": Request("s3:PutObject", artifact, OVER),
            "delete an artifact": Request("s3:DeleteObject", artifact, CONTEXT),
            "delete an artifact's older version": Request("s3:DeleteObjectVersion", artifact, CONTEXT),
            "sign a release": Request("kms:Sign", self.release, ECDSA),
            "sign an order": Request("kms:Sign", self.orders, ECDSA),
            **self._sending(),
            CANCEL: Request("ssm:CancelCommand", "*"),  # any of the account's: AWS takes no resource
            "run a shell on hosts": Request("ssm:SendCommand", "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"),
            "change the document": Request("ssm:UpdateDocument", f"{place}:document/tagship-deploy"),
            "move the pointer": Request("s3:PutObject", self.key(layout.pointer(app, env)), OVER),
            "hold the lease": Request("s3:PutObject", self.key(layout.lease(app, env)), OVER),
            "freeze": Request("s3:PutObject", self.key(layout.freeze(app, env)), OVER),
            "thaw": Request("s3:DeleteObject", self.key(layout.freeze(app, env)), CONTEXT),
            "reset the fencing numbers": Request("s3:PutObject", self.key(layout.fence(app, env)), OVER),
            "read the ledger": Request("s3:GetObject", entry, CONTEXT),
            "add to the ledger": Request("s3:PutObject", entry, ONCE),
            "write the ledger over": Request("s3:PutObject", entry, OVER),
            "delete from the ledger": Request("s3:DeleteObject", entry, CONTEXT),
            "read Terraform's state": Request("s3:GetObject", self.key(layout.state(app, env)), CONTEXT),
            "write Terraform's state": Request("s3:PutObject", self.key(layout.state(app, env)), OVER),
            "read a secret": Request(
                "secretsmanager:GetSecretValue",
                f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{app}/{env}/db-AbCdEf",
            ),
            "read a parameter": Request("ssm:GetParameters", f"{place}:parameter/{app}/{env}/db"),
            "note whom it told": Request("s3:PutObject", self.key(f"{app}/_notified/{env}/x/team-1"), ONCE),
            "delete an old version": Request("lambda:DeleteFunction", f"{function}:7"),
            "delete a function": Request("lambda:DeleteFunction", function),
            "move an alias": Request("lambda:UpdateAlias", function),
            DEREGISTER: Request("ecs:DeregisterTaskDefinition", "*"),  # the same
            "delete a task definition": Request("ecs:DeleteTaskDefinitions", definition, MADE),
            "delete a task definition of others": Request("ecs:DeleteTaskDefinitions", definition),
            "delete a version of a launch template": Request("ec2:DeleteLaunchTemplateVersions", template, tagged),
            "delete a launch template": Request("ec2:DeleteLaunchTemplate", template, tagged),
            "delete an image": Request("ecr:BatchDeleteImage", repository),
            "delete a repository": Request("ecr:DeleteRepository", repository),
            "change the bucket's policy": Request("s3:PutBucketPolicy", f"arn:aws:s3:::{self.bucket}", CONTEXT),
            "shorten Object Lock": Request("s3:BypassGovernanceRetention", artifact, CONTEXT),
            "give itself a role": Request("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/tagship-{app}-{env}-Ci"),
            "take another role": Request("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/tagship-{app}-{env}-Ci"),
        }

    def _sending(self) -> dict[str, Request]:
        """The halves of a SendCommand, which has to be allowed on a document and on each host."""
        tags = self.tags or {"tagship:app": self.app, "tagship:environment": self.environment}
        hosts = {f"ssm:resourceTag/{name}": value for name, value in tags.items()}
        document = f"arn:aws:ssm:us-east-1:{ACCOUNT}:document/tagship-deploy"
        return {
            HALF: Request("ssm:SendCommand", f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/i-1", hosts),
            "order hosts": Request("ssm:SendCommand", document),
            "ask hosts": Request("ssm:SendCommand", f"{document}-status"),
        }

    def reach(self, allows: Allows) -> set[str]:
        """The names of what succeeds."""
        reached = {name for name, request in self.attempts().items() if allows(request)}
        return reached - ({HALF} if HALF in reached else set(self._sending()))


SHIPS = {
    *("read artifacts", "publish", "sign a release", "sign an order", "order hosts", "ask hosts", "move the pointer"),
    *("hold the lease", "read the ledger", "add to the ledger", "read Terraform's state", "write Terraform's state"),
}
ROLLS_BACK = SHIPS - {"publish", "sign a release", "read Terraform's state", "write Terraform's state"}
LEFT = {"delete an old version", "delete a task definition", "delete a version of a launch template", "delete an image"}
LEFT |= {DEREGISTER}
# By role: what it reaches of its own environment, and of another one.
REACH = {
    "Ci": (SHIPS, {"read artifacts", "read the ledger"}),
    "Rollback": (ROLLS_BACK, set[str]()),
    "Verify": ({"read the ledger", "ask hosts"}, set[str]()),
    "Notify": ({"read the ledger", "note whom it told"}, set[str]()),
    "Cleanup": (
        {*("read artifacts", "delete an artifact", "ask hosts", "hold the lease", "read the ledger"), *LEFT},
        # Manifests of others: an image that one of them names stays. Families of task definitions are no environment's,
        # and ECS lets run on what runs (Developer Guide, Deleting an Amazon ECS task definition revision).
        {"read the ledger", "read artifacts", "delete a task definition", DEREGISTER},
    ),
}
