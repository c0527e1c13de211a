"""What exists at Neon: the records, the clusters behind them, and how both are made and removed together."""

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
from twin.vendor.model import VendorModel, merged
from twin.vendor.store import Attributes


@contextmanager
def server_trouble() -> Generator[None]:
    """Turn the server's trouble into VendorError (500), without the statement, which may hold a secret."""
    try:
        yield
    except psycopg.Error as failed:
        reason = failed.diag.message_primary or str(failed).partition("\n")[0]
        raise VendorError(500, f"PostgreSQL said: {reason}") from failed
    except PostgresError as failed:
        raise VendorError(500, str(failed)) from failed


class NeonRecords(VendorModel):
    """
    The part of the model that knows no rules.

    A read-write endpoint is a cluster in `home.postgres`. A record with a `maker` (pid, start time) is one
    whose real part is still being made.
    """

    vendor: ClassVar[str] = "neon"
    secret_name: ClassVar[str] = "neon_api_key"  # noqa: S105 - the name under which it is kept

    def clusters(self) -> list[tuple[str, Cluster]]:
        """Return every read-write endpoint's cluster, by "<project id>-<endpoint id>"."""
        return [
            (f"{endpoint['projectId']}-{identifier}", self._cluster(endpoint["projectId"], identifier))
            for identifier, endpoint in self.store.list(self.vendor, "endpoint").items()
            if endpoint["type"] == "read_write" and "maker" not in endpoint
        ]

    def _host(self, endpoint: str) -> str:
        return f"127.0.0.1:{self.home.port(f'postgres-{endpoint}')}"

    def _cluster(self, project: str, endpoint: str) -> Cluster:
        return Cluster(self.home.postgres / f"{project}-{endpoint}", self.home.port(f"postgres-{endpoint}"))

    def _awake(self, branch: str) -> Cluster:
        """Return the branch's cluster, running: a compute at Neon wakes up when it is needed."""
        endpoint = self._writer(branch)
        if endpoint is None:
            raise VendorError(400, f"Branch {branch} has no read-write endpoint.")
        cluster = self._cluster(self.existing("branch", branch)["projectId"], endpoint)
        cluster.start()
        return cluster

    def _writer(self, branch: str) -> str | None:
        endpoints = self.on(branch, "endpoint").items()
        return next((id_ for id_, endpoint in endpoints if endpoint["type"] == "read_write"), None)

    def default_branch(self, project: str) -> str:
        branches = self.store.list(self.vendor, "branch").items()
        return next(id_ for id_, branch in branches if branch["projectId"] == project and branch["default"])

    def on(self, branch: str, kind: str) -> dict[str, Attributes]:
        """Return a branch's finished objects of one kind, oldest first."""
        found = sorted(self.store.list(self.vendor, kind).items(), key=lambda one: one[1]["created"])
        return {
            id_: record for id_, record in found if record["branchId"] == branch and "maker" not in record
        }

    def existing(self, kind: str, identifier: str) -> Attributes:
        """Return a finished record, `created` (Unix time) included. Raises VendorError (404, 423)."""
        found = super()._existing(kind, identifier)
        if "maker" in found:
            raise VendorError(423, f"The {kind} {identifier} is still being made.")
        return found

    def _put(self, kind: str, identifier: str, record: Attributes, request: str = "") -> None:
        self._insert(kind, identifier, {**record, "created": time.time()}, request)

    @contextmanager
    def _making(self, kind: str, identifier: str, record: Attributes, request: str) -> Generator[None]:
        """
        Record the intent, let the block make the real part, then record that it is whole.

        What a killed process left in between is removed by the next creation of the same request, or by any
        creation at all.
        """
        self._put(kind, identifier, {**record, "maker": _this_process()}, request)
        try:
            with server_trouble():
                yield
        except VendorError:
            self._discard(kind, identifier)
            raise
        with self.store.transaction():
            whole = self.store.get(self.vendor, kind, identifier) or {}
            self.store.replace(self.vendor, kind, identifier, merged(whole, {"maker": None}))

    def sweep(self) -> None:
        """Remove what processes that are gone have left half-made."""
        for kind in ("project", "endpoint", "role", "database"):
            for identifier, record in self.store.list(self.vendor, kind).items():
                if "maker" in record and not _alive(record["maker"]):
                    self._discard(kind, identifier)

    def _discard(self, kind: str, identifier: str) -> None:
        """Remove an object, whole or half-made, the real part first: interrupted, it can be repeated."""
        found = self.store.get(self.vendor, kind, identifier)
        if found is None:
            return
        match kind:
            case "project":
                own = found["defaultEndpointSettings"]["id"]
                for endpoint in {own, *self._endpoints(projectId=identifier)}:
                    self._cluster(identifier, endpoint).destroy()
                parts = ("branch", "endpoint", "role", "database")
            case "branch":
                for endpoint in self._endpoints(branchId=identifier):
                    self._cluster(found["projectId"], endpoint).destroy()
                parts = ("endpoint", "role", "database")
            case "endpoint":
                self._cluster(found["projectId"], identifier).destroy()
                parts = ()
            case _:
                self._drop(kind, found)
                parts = ()
        with self.store.transaction():
            for part in parts:
                for id_, record in self.store.list(self.vendor, part).items():
                    if identifier in {record["projectId"], record.get("branchId")}:
                        self._remove(part, id_)
            self._remove(kind, identifier)

    def _endpoints(self, **where: str) -> list[str]:
        """Return the ids of a project's or a branch's endpoints, those that are half-made included."""
        found = self.store.list(self.vendor, "endpoint").items()
        return [id_ for id_, one in found if all(one[name] == value for name, value in where.items())]

    def _drop(self, kind: str, found: Attributes) -> None:
        if self._writer(found["branchId"]) is None:
            return
        cluster = self._awake(found["branchId"])
        if kind == "database":
            sql.drop_database(cluster, found["name"])
        else:
            heirs = [role["name"] for role in self.on(found["branchId"], "role").values()]
            heir = next((name for name in heirs if name != found["name"]), sql.OWNERS)
            sql.drop_role(cluster, found["name"], heir)


def _this_process() -> list[float]:
    return [os.getpid(), psutil.Process().create_time()]


def _alive(process: list[float]) -> bool:
    pid, created = process
    try:
        return psutil.Process(int(pid)).create_time() == created
    except psutil.NoSuchProcess:
        return False
