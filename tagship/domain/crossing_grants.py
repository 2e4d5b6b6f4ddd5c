"""What lets a promotion go from one AWS account to another: the source's bucket and repositories let its job read.

A job of CI has one role, of the account that it promotes to. So the account that it promotes from has to grant that
role the reading of what is promoted, in the policies of the bucket and of the repositories; and the role has to be
allowed to. Two templates, one text each. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_POLICY = "        # promotions: begin and end\n"  # in foundation.yaml, the last of the bucket policy's statements
_ROLE = "              # promotions: begin and end\n"  # in environment.yaml, among the statements of Ci


@dataclass(frozen=True)
class Reader:
    """An environment elsewhere that `source`, here, is promoted to."""

    environment: str
    account: str
    source: str

    @property
    def sid(self) -> str:
        return f"PromotionsTo{''.join(word.capitalize() for word in self.environment.split('-'))}"

    @property
    def principal(self) -> str:
        """Write who may read, if its own policies let it."""
        return f"""\
            Principal:
              AWS: !Sub "arn:${{AWS::Partition}}:iam::{self.account}:root"
"""

    @property
    def condition(self) -> str:
        role = f"arn:${{AWS::Partition}}:iam::{self.account}:role/tagship/${{App}}/ship/{self.environment}/*"
        return f"""\
            Condition:
              ArnLike: # the role of its jobs, and no other of that account
                aws:PrincipalArn: !Sub "{role}"
"""


def with_readers(template: str, readers: Sequence[Reader]) -> str:
    """Let the jobs of other accounts read what they promote."""
    template = template.replace(_POLICY, "".join(map(_of_bucket, readers)), 1)
    policy = "".join(map(_of_repository, readers))
    if not policy:
        return template
    head = '      RepositoryPolicyText:\n        Version: "2012-10-17"\n        Statement:\n'
    return re.sub(r"^      LifecyclePolicy:\n", lambda match: head + policy + match[0], template, flags=re.MULTILINE)


def _of_bucket(reader: Reader) -> str:
    return f"""\
          - Sid: {reader.sid}Read # {reader.source} is promoted to {reader.environment}: its artifacts and records
            Effect: Allow
{reader.principal}\
            Action: s3:GetObject
            Resource:
              - !Sub "arn:${{AWS::Partition}}:s3:::${{Artifacts}}/${{App}}/{reader.source}/*"
              - !Sub "arn:${{AWS::Partition}}:s3:::${{Artifacts}}/${{App}}/_ledger/{reader.source}/*"
{reader.condition}\
          - Sid: {reader.sid}List # names; and 404, not 403, for what is not there: that request has no prefix
            Effect: Allow
{reader.principal}\
            Action: s3:ListBucket
            Resource: !Sub "arn:${{AWS::Partition}}:s3:::${{Artifacts}}"
{reader.condition}\
              StringLikeIfExists:
                s3:prefix:
                  - !Sub "${{App}}/{reader.source}/*"
                  - !Sub "${{App}}/_ledger/{reader.source}/*"
"""


def _of_repository(reader: Reader) -> str:
    return f"""\
          - Sid: {reader.sid} # an image is copied by its digest
            Effect: Allow
{reader.principal}\
            Action:
              - ecr:BatchGetImage
              - ecr:GetDownloadUrlForLayer
{reader.condition}"""


@dataclass(frozen=True)
class SourceBucket:
    """The environment before, in another account."""

    environment: str
    bucket: str


def with_source(template: str, source: SourceBucket | None) -> str:
    """Allow an environment's jobs to read the bucket that they promote from."""
    return template.replace(_ROLE, _of_role(source) if source else "", 1)


def _of_role(source: SourceBucket) -> str:
    bucket = f"arn:${{AWS::Partition}}:s3:::{source.bucket}"
    return f"""\
              - Sid: ReadWhatIsPromoted # of {source.environment}; its bucket has to grant it, too
                Effect: Allow
                Action: s3:GetObject
                Resource:
                  - !Sub "{bucket}/${{App}}/{source.environment}/*"
                  - !Sub "{bucket}/${{App}}/_ledger/{source.environment}/*"
              - Sid: ListWhatIsPromoted # names, no contents
                Effect: Allow
                Action: s3:ListBucket
                Resource: !Sub "{bucket}"
"""
