"""Clusters, and the tags of everything that ECS has.

Follows https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html and API_TagResource.html there.
Does not model: capacity providers, settings, container instances, tags of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tagship.sandbox.aws import ecs_answers as answers
from tagship.sandbox.aws.ecs_kept import Cluster, Kept
from tagship.sandbox.aws.ecs_requests import Act, EcsError, Given, invalid, last


@dataclass
class Clusters:
    """Operations on clusters and tags."""

    kept: Kept

    def operations(self) -> Sequence[Act]:
        return (
            self.create_cluster,
            self.describe_clusters,
            self.list_clusters,
            self.delete_cluster,
            self.tag_resource,
            self.untag_resource,
            self.list_tags_for_resource,
        )

    def create_cluster(self, given: Given) -> dict[str, Any]:
        name = given.get("clusterName", "default")
        cluster = self.kept.clusters.setdefault(name, Cluster(name, self.kept.arn("cluster", name)))
        cluster.tags |= {tag["key"]: tag["value"] for tag in given.get("tags", [])}
        return {"cluster": _described(cluster)}

    def describe_clusters(self, given: Given) -> dict[str, Any]:
        names = [last(name) for name in given.get("clusters", ["default"])]
        return {
            "clusters": [_described(self.kept.clusters[name]) for name in names if name in self.kept.clusters],
            "failures": [
                {"arn": self.kept.arn("cluster", name), "reason": "MISSING"}
                for name in names
                if name not in self.kept.clusters
            ],
        }

    def list_clusters(self, _given: Given) -> dict[str, Any]:
        return {"clusterArns": [cluster.arn for cluster in self.kept.clusters.values()]}

    def delete_cluster(self, given: Given) -> dict[str, Any]:
        cluster = self.kept.cluster(given)
        if any(service.status == "ACTIVE" for service in cluster.services.values()):
            raise EcsError(
                "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
            )
        del self.kept.clusters[cluster.name]
        return {"cluster": _described(cluster) | {"status": "INACTIVE"}}

    def tag_resource(self, given: Given) -> dict[str, Any]:
        self._tags(given).update({tag["key"]: tag["value"] for tag in given["tags"]})
        return {}

    def untag_resource(self, given: Given) -> dict[str, Any]:
        for key in given["tagKeys"]:
            self._tags(given).pop(key, None)
        return {}

    def list_tags_for_resource(self, given: Given) -> dict[str, Any]:
        return {"tags": answers.tags(self._tags(given))}

    def _tags(self, given: Given) -> dict[str, str]:
        """Return the tags of what an ARN names, to be changed."""
        arn: str = given["resourceArn"]
        kind, _, name = arn.rpartition(":" if ":task-definition/" not in arn else ":task-definition/")[2].partition("/")
        if ":task-definition/" in arn:
            return self.kept.definitions.get(arn).tags
        if kind == "cluster":
            return self.kept.cluster({"cluster": name}).tags
        if kind == "service":
            cluster, _, service = name.rpartition("/")
            return self.kept.service({"cluster": cluster, "service": service}).tags
        raise invalid("The specified resource has no tags here.")


def _described(cluster: Cluster) -> dict[str, Any]:
    services = [service for service in cluster.services.values() if service.status == "ACTIVE"]
    states = [task.last_status for service in services for task in service.tasks]
    return {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": "ACTIVE",
        "runningTasksCount": states.count("RUNNING"),
        "pendingTasksCount": states.count("PENDING"),
        "activeServicesCount": len(services),
        "tags": answers.tags(cluster.tags),
    }
