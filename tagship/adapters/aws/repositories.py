"""How ECR keeps the images of a repository."""

from __future__ import annotations

from tagship.adapters.aws.session import Aws
from tagship.ports.account import ImageRepository


def image_repository(aws: Aws, name: str) -> ImageRepository | None:
    """Look at a repository and its lifecycle policy; None without one."""
    ecr = aws.client("ecr")
    with aws.translated(f"looking for the image repository {name}"):
        try:
            answer = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
        except ecr.exceptions.RepositoryNotFoundException:
            return None
        try:
            lifecycle = ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
        except ecr.exceptions.LifecyclePolicyNotFoundException:
            lifecycle = ""
    # MUTABLE_WITH_EXCLUSION, too: what it excludes are exceptions.
    return ImageRepository(answer.get("imageTagMutability", "MUTABLE").startswith("MUTABLE"), lifecycle)
