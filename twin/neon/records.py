"""Neon's records and the PostgreSQL clusters behind them, which are created and removed together."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar

import psutil
import psycopg

from postgres_server.cluster import Cluster
from postgres_server.install import PostgresError
from twin.neon import sql
from twin.vendor.errors import VendorError
from twin.vendor.model import VendorModel, merge
from twin.vendor.store import Attributes


@contextmanager
def translate_server_errors() -> Generator[None]:
    """Turn PostgreSQL's errors into VendorError (500), without the statement, which may hold a secret."""
    try:
        yield
    except psycopg.Error as error:
        reason = error.diag.message_primary or str(error).partition("\n")[0]
        raise VendorError(500, f"PostgreSQL: {reason}") from error
    except PostgresError as error:
        raise VendorError(500, str(error)) from error


class NeonRecords(VendorModel):
    """
    The records of the model, without Neon's rules.

    A read-write endpoint is a cluster in `home.postgres`, and so is a branch that keeps what a restored one
    held. A record with a `maker` (pid, start time of a
    process) is unfinished: the process is still creating its cluster, role or database.
    """

    vendor: ClassVar[str] = "neon"
    secret_name: ClassVar[str] = "NEON_API_KEY"  # noqa: S105 - the name under which it is kept
    has_read_only_token: ClassVar[bool] = False

    def list_clusters(self) -> list[tuple[str, Cluster]]:
        """Return ("<project id>-<endpoint id>", cluster) of every read-write endpoint."""
        return [
            (f"{endpoint['projectId']}-{identifier}", self._cluster(endpoint["projectId"], identifier))
            for identifier, endpoint in self.store.list(self.vendor, "endpoint").items()
            if endpoint["type"] == "read_write" and "maker" not in endpoint
        ]

    def _host(self, endpoint: str) -> str:
        return f"127.0.0.1:{self.home.port(f'postgres-{endpoint}')}"

    def _cluster(self, project: str, endpoint: str) -> Cluster:
        return Cluster(self.home.postgres / f"{project}-{endpoint}", self.home.port(f"postgres-{endpoint}"))

    def _start_cluster_of(self, branch: str) -> Cluster:
        """Start the cluster of a branch and return it, as Neon starts a compute for a connection."""
        endpoint = self._find_writer(branch)
        if endpoint is None:
            raise VendorError(400, f"Branch {branch} has no read-write endpoint.")
        cluster = self._cluster(self.require("branch", branch)["projectId"], endpoint)
        cluster.start()
        return cluster

    def _find_writer(self, branch: str) -> str | None:
        endpoints = self.list_on_branch(branch, "endpoint").items()
        return next((id_ for id_, endpoint in endpoints if endpoint["type"] == "read_write"), None)

    def find_default_branch(self, project: str) -> str:
        branches = self.store.list(self.vendor, "branch").items()
        return next(id_ for id_, branch in branches if branch["projectId"] == project and branch["default"])

    def list_on_branch(self, branch: str, kind: str) -> dict[str, Attributes]:
        """Return a branch's finished objects of one kind, oldest first."""
        records = sorted(self.store.list(self.vendor, kind).items(), key=lambda item: item[1]["created"])
        return {
            id_: record for id_, record in records if record["branchId"] == branch and "maker" not in record
        }

    def require(self, kind: str, identifier: str) -> Attributes:
        """Return a finished record, with its time `created` (Unix time). Raises VendorError (404, 423)."""
        record = super()._require_object(kind, identifier)
        if "maker" in record:
            raise VendorError(423, f"The {kind} {identifier} is still being created.")
        return record

    def _insert_record(self, kind: str, identifier: str, record: Attributes, request: str = "") -> None:
        self._insert(kind, identifier, {**record, "created": time.time()}, request)

    @contextmanager
    def _create_with_record(
        self, kind: str, identifier: str, record: Attributes, request: str
    ) -> Generator[None]:
        """
        Insert an unfinished record, and finish it after the block, which creates what the record describes.

        If the block fails, both are removed. What a killed process leaves is removed by `remove_unfinished`.
        """
        self._insert_record(kind, identifier, {**record, "maker": _this_process()}, request)
        try:
            with translate_server_errors():
                yield
        except VendorError:
            self._discard(kind, identifier)
            raise
        with self.store.transaction():
            unfinished = self.store.get(self.vendor, kind, identifier) or {}
            self.store.replace(self.vendor, kind, identifier, merge(unfinished, {"maker": None}))

    def remove_unfinished(self) -> None:
        """Remove the unfinished objects of processes that have ended."""
        for kind in ("project", "endpoint", "role", "database"):
            for identifier, record in self.store.list(self.vendor, kind).items():
                if "maker" in record and not _is_alive(record["maker"]):
                    self._discard(kind, identifier)

    def _discard(self, kind: str, identifier: str) -> None:
        """Remove an object, finished or not; the record last, so that an interrupted call can be repeated."""
        stored = self.store.get(self.vendor, kind, identifier)
        if stored is None:
            return
        match kind:
            case "project":
                own = stored["defaultEndpointSettings"]["id"]
                branches = self.store.list(self.vendor, "branch").items()
                kept = {id_ for id_, branch in branches if branch["projectId"] == identifier}
                for owner in {own, *self._list_endpoint_ids(projectId=identifier), *kept}:
                    self._cluster(identifier, owner).destroy()
                parts = ("branch", "endpoint", "role", "database")
            case "branch":
                for owner in (*self._list_endpoint_ids(branchId=identifier), identifier):
                    self._cluster(stored["projectId"], owner).destroy()
                parts = ("endpoint", "role", "database")
            case "endpoint":
                self._cluster(stored["projectId"], identifier).destroy()
                parts = ()
            case _:
                self._drop_from_cluster(kind, stored)
                parts = ()
        with self.store.transaction():
            for part in parts:
                for id_, record in self.store.list(self.vendor, part).items():
                    if identifier in {record["projectId"], record.get("branchId")}:
                        self._remove(part, id_)
            self._remove(kind, identifier)

    def _list_endpoint_ids(self, **where: str) -> list[str]:
        """Return the ids of a project's or a branch's endpoints, including unfinished ones."""
        endpoints = self.store.list(self.vendor, "endpoint").items()
        return [
            id_
            for id_, endpoint in endpoints
            if all(endpoint[name] == value for name, value in where.items())
        ]

    def _drop_from_cluster(self, kind: str, record: Attributes) -> None:
        if self._find_writer(record["branchId"]) is None:
            return
        cluster = self._start_cluster_of(record["branchId"])
        if kind == "database":
            sql.drop_database(cluster, record["name"])
        else:
            names = [role["name"] for role in self.list_on_branch(record["branchId"], "role").values()]
            new_owner = next((name for name in names if name != record["name"]), sql.OWNERS)
            sql.drop_role(cluster, record["name"], new_owner)


def _this_process() -> list[float]:
    return [os.getpid(), psutil.Process().create_time()]


def _is_alive(process: list[float]) -> bool:
    pid, created = process
    try:
        return psutil.Process(int(pid)).create_time() == created
    except psutil.NoSuchProcess:
        return False
