"""Instant restore: a branch as of an earlier moment, in place (neon.com/docs/introduction/branch-restore)."""

import threading
import time
from datetime import UTC, datetime
from typing import Final

from postgres_server.cluster import Cluster
from twin.neon import sql
from twin.neon.deleted_projects import RecoverableProjects
from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes

_AT_WORK: Final = threading.Lock()


class RestorableBranches(RecoverableProjects):
    """
    Branches that can be restored in place.

    The branch keeps its id, its name and its endpoint. What it held stays under another name, as a branch
    without an endpoint, whose data are a cluster that is stopped.
    """

    def restore_branch(
        self, branch: str, source: str, at: float | None, preserve_as: str, new_id: str
    ) -> None:
        """
        Restore a branch to an instant (Unix time) of the history of `source`, or to its head.

        Raises:
            VendorError: 400 without what the request needs or outside of the history, 409 if the name is
                taken, 423 while another restore is at work.
        """
        if not _AT_WORK.acquire(blocking=False):
            raise VendorError(423, "The project has running conflicting operations.")
        try:
            self._restore_branch(branch, source, at, preserve_as, new_id)
        finally:
            _AT_WORK.release()

    def _restore_branch(
        self, branch: str, source: str, at: float | None, preserve_as: str, new_id: str
    ) -> None:
        target = self.require("branch", branch)
        self.require("branch", source)
        project = self.require("project", target["projectId"])
        others = {
            id_: record
            for id_, record in self.store.list(self.vendor, "branch").items()
            if record["projectId"] == target["projectId"]
        }
        children = [id_ for id_, record in others.items() if record.get("parentId") == branch]
        if source == branch and at is None:
            raise VendorError(
                400, "source_timestamp or source_lsn is required to restore to its own history."
            )
        if not preserve_as and (source == branch or children):
            raise VendorError(
                400, "preserve_under_name is required for a branch with children or for itself."
            )
        if preserve_as in {record["name"] for record in others.values()}:
            raise VendorError(409, f"A branch with the name {preserve_as!r} exists already.")
        now = time.time()
        at = now if at is None else at
        if not now - project["historyRetentionSeconds"] <= at <= now:
            raise VendorError(400, "source_timestamp is outside the history of the source branch.")
        endpoint, from_endpoint = self._find_writer(branch), self._find_writer(source)
        if endpoint is None or from_endpoint is None:
            raise VendorError(400, "In the twin both branches need a read-write endpoint.")
        self._replace_data(target["projectId"], endpoint, from_endpoint, at, new_id if preserve_as else "")
        with self.store.transaction():
            if preserve_as:
                self._keep_branch(branch, target, preserve_as, new_id)
                for child in children:
                    self.store.replace(self.vendor, "branch", child, {**others[child], "parentId": new_id})
            is_root = not target.get("parentId")
            parent = {} if is_root else {"parentId": new_id or source, "parentTimestamp": at}
            self.store.replace(self.vendor, "branch", branch, {**target, **parent})
            self._take_names(branch, origin=source, at=at)
        for role in self.list_on_branch(branch, "role").values():
            sql.ensure_role(self._start_cluster_of(branch), role["name"], role["password"])

    def find_kept_cluster(self, branch: str) -> Cluster | None:
        """Return the cluster with what a restored branch held, which is stopped; None if there is none."""
        kept = self._cluster(self.require("branch", branch)["projectId"], branch)
        return kept if kept.directory.exists() else None

    def _replace_data(self, project: str, endpoint: str, source: str, at: float, keep_as: str) -> None:
        current = self._cluster(project, endpoint)
        restored = self._cluster(project, f"{endpoint}-restored")
        restored.destroy()
        # First the new data, while everything is as it was.
        self._cluster(project, source).branch(restored, datetime.fromtimestamp(at, UTC))
        if keep_as:
            current.move(self._cluster(project, keep_as).directory)
        else:
            current.destroy()
        restored.move(current.directory)
        current.start()

    def _keep_branch(self, branch: str, record: Attributes, name: str, new_id: str) -> None:
        self._insert_record("branch", new_id, {**record, "name": name, "default": False, "protected": "no"})
        for kind in ("role", "database"):
            for known in self.list_on_branch(branch, kind).values():
                self.store.insert(
                    self.vendor,
                    kind,
                    f"{record['projectId']}/{new_id}/{known['name']}",
                    {**known, "branchId": new_id},
                )

    def _take_names(self, branch: str, *, origin: str, at: float) -> None:
        """Give the branch the roles and databases of the source at the instant, with its own passwords."""
        for kind in ("role", "database"):
            own = self.list_on_branch(branch, kind)
            passwords = {record["name"]: record.get("password") for record in own.values()}
            records = self.list_on_branch(origin, kind).values()
            for identifier in own:
                self._remove(kind, identifier)
            for record in [known for known in records if known["created"] <= at]:
                password = passwords.get(record["name"]) or record.get("password")
                kept = {**record, "branchId": branch} | ({"password": password} if password else {})
                self.store.insert(self.vendor, kind, f"{record['projectId']}/{branch}/{record['name']}", kept)
