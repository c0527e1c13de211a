"""Deleted projects, which Neon keeps for a time (api-docs.neon.tech, "Recover a deleted project")."""

import time
from typing import Final

from postgres_server.cluster import Cluster
from twin.host.time_scale import TimeScale
from twin.neon.records import NeonRecords
from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

_KEPT_SECONDS: Final = 7 * 86_400
_KIND: Final = "deleted project"
_PARTS: Final = ("branch", "endpoint", "role", "database")
_MOST: Final = 2
"""Each takes 40 MB of disk, and drills delete projects."""


class RecoverableProjects(NeonRecords):
    """
    Records of projects that stay for seven days after their deletion, with their clusters, which are stopped.

    The twin's speed-up applies. Of several, the newest are kept. The clusters lie in a folder of their own:
    whatever looks for those of projects finds none of a deleted one.
    """

    def list_recoverable(self) -> dict[str, Attributes]:
        """Return the deleted projects that can be recovered, by id, the oldest first."""
        self._purge()
        return {id_: kept["project"] for id_, kept in self.store.list(self.vendor, _KIND).items()}

    def recover_project(self, identifier: str) -> None:
        """Give a deleted project back, with branches, endpoints, roles and databases. Raises VendorError."""
        self._purge()
        kept = self.store.get(self.vendor, _KIND, identifier)
        if kept is None:
            raise VendorError(404, f"There is no deleted project {identifier} to recover.")
        with self.store.transaction():
            self.store.insert(self.vendor, "project", identifier, kept["project"])
            for part in _PARTS:
                for id_, record in kept[part].items():
                    self.store.insert(self.vendor, part, id_, record)
            self.store.remove(self.vendor, _KIND, identifier)
        for cluster in self._list_clusters_of(identifier, kept):
            if (away := self._place_deleted(cluster)).directory.exists():
                away.move(cluster.directory)
        for endpoint, record in kept["endpoint"].items():
            if record["type"] == "read_write" and not record.get("disabled"):
                self._cluster(identifier, endpoint).start()

    def _keep_deleted(self, identifier: str, project: Attributes) -> None:
        """Delete a project so that it can be recovered."""
        with self.store.transaction():
            kept: Attributes = {"project": project, "deleted": time.time()}
            for part in _PARTS:
                records = self.store.list(self.vendor, part).items()
                kept[part] = {id_: record for id_, record in records if record["projectId"] == identifier}
                for id_ in kept[part]:
                    self._remove(part, id_)
            self._remove("project", identifier)
            self.store.insert(self.vendor, _KIND, identifier, kept)
        for cluster in self._list_clusters_of(identifier, kept):
            if cluster.directory.exists():
                cluster.move(self._place_deleted(cluster).directory)
        self._purge()

    def _purge(self) -> None:
        """Remove for good what was deleted too long ago, and all but the newest."""
        kept = self.store.list(self.vendor, _KIND)
        oldest = time.time() - TimeScale.from_environment().scale_seconds(_KEPT_SECONDS)
        for number, (identifier, deleted) in enumerate(kept.items(), 1):
            if number <= len(kept) - _MOST or deleted["deleted"] < oldest:
                for cluster in self._list_clusters_of(identifier, deleted):
                    self._place_deleted(cluster).destroy()
                self.store.remove(self.vendor, _KIND, identifier)

    def _list_clusters_of(self, project: str, kept: Attributes) -> list[Cluster]:
        return [self._cluster(project, owner) for owner in (*kept["endpoint"], *kept["branch"])]

    def _place_deleted(self, cluster: Cluster) -> Cluster:
        """Return where a cluster is while its project is deleted."""
        folder = self.home.root / "deleted"
        folder.mkdir(mode=0o711, exist_ok=True)
        return Cluster(folder / cluster.directory.name, cluster.port)
