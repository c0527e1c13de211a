"""Replication between buckets; moto stores the rules and replicates nothing."""

import copy
import logging
import os
import queue
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final, Literal, Self

import xmltodict
from moto.s3.models import FakeBucket, S3Backend, s3_backends

from twin.aws.objects import ObjectIndex, ObjectVersion
from twin.aws.policy import as_list
from twin.aws.replication_permissions import find_replication_denial

DELAY_VARIABLE: Final = "BULWARK_TWIN_REPLICATION_SECONDS"
"""Seconds from a version's creation to its replication, 0 when unset. S3 takes seconds, at worst minutes."""

ReplicationStatus = Literal["PENDING", "COMPLETED", "FAILED", "REPLICA"]

_log = logging.getLogger("aws")
_queue: "queue.SimpleQueue[PendingReplication]" = queue.SimpleQueue()


@dataclass(frozen=True)
class PendingReplication:
    """A version that is to be replicated."""

    bucket: str
    key: str
    version: str


@dataclass(frozen=True)
class ReplicationRule:
    """One replication rule of a bucket."""

    prefix: str
    role: str
    bucket: str
    storage: str
    key: str
    """The destination's KMS key; empty for objects that are not encrypted with one."""

    account: str
    """The account that the destination must be in; empty if the rule names none."""

    changes_owner: bool
    """Whether a copy belongs to the destination's account."""

    @classmethod
    def parse(cls, document: bytes) -> Iterator[Self]:
        """Yield the enabled rules by descending priority, without those that filter by tags."""
        configuration = xmltodict.parse(document)["ReplicationConfiguration"]
        for rule in sorted(as_list(configuration["Rule"]), key=lambda rule: -int(rule.get("Priority", 0))):
            filter_ = rule.get("Filter") or {}
            if rule["Status"] == "Enabled" and not filter_.keys() & {"Tag", "And"}:
                destination = rule["Destination"]
                yield cls(
                    prefix=filter_.get("Prefix") or rule.get("Prefix") or "",
                    role=configuration["Role"],
                    bucket=destination["Bucket"].rpartition(":")[2],
                    storage=destination.get("StorageClass") or "STANDARD",
                    key=(destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID", ""),
                    account=destination.get("Account") or "",
                    changes_owner=bool(destination.get("AccessControlTranslation")),
                )


def find_rule(bucket: FakeBucket, key: str) -> ReplicationRule | None:
    document = getattr(bucket, "documents", {}).get("replication")
    if not document or not getattr(bucket, "replication", None):
        return None
    return next((rule for rule in ReplicationRule.parse(document) if key.startswith(rule.prefix)), None)


def schedule_replication(bucket: FakeBucket, version: Any) -> None:
    """Put a new version, or one with a changed lock, into the queue if an enabled rule covers it."""
    if not isinstance(version, ObjectVersion) or version.replication == "REPLICA":
        return
    if rule := find_rule(bucket, version.name):
        # S3 replicates KMS-encrypted objects only if the rule selects them.
        if version.encryption == "aws:kms" and not rule.key:
            return
        version.replication = "PENDING"
        _queue.put(PendingReplication(bucket.name, version.name, version.version_id))


class Replicator:
    """
    Replicates the queued versions one after the other, in a thread.

    `apply_change` runs a function while no request runs, and makes its changes durable. Versions that were
    pending when a process ended are queued again by the next one.
    """

    def __init__(self, apply_change: Callable[[Callable[[], Any]], Any]) -> None:
        self._apply_change = apply_change
        self._delay_seconds = float(os.environ.get(DELAY_VARIABLE, "0"))

    def start(self) -> None:
        for pending in _list_pending():
            _queue.put(pending)
        threading.Thread(target=self._run, name="replication", daemon=True).start()

    def _run(self) -> None:
        while True:
            pending = _queue.get()
            try:
                self._replicate(pending)
            except Exception:  # noqa: BLE001 - the failure of one version must not stop the others
                _log.exception("replication of %s failed", pending)

    def _replicate(self, pending: PendingReplication) -> None:
        source = _find_version(pending)
        if source is None or source.replication != "PENDING":
            return
        due = source.last_modified.replace(tzinfo=UTC).timestamp() + self._delay_seconds
        time.sleep(max(0.0, due - time.time()))
        body = uuid.uuid4().hex
        try:  # outside of apply_change: the copy of a large body must not block requests
            shutil.copyfile(source.folder / source.body, source.folder / body)
        except FileNotFoundError:
            return  # the version has been deleted
        self._apply_change(lambda: _complete_replication(pending, body))
        _log.info("replicated %s/%s", pending.bucket, pending.key)


def _complete_replication(pending: PendingReplication, body: str) -> None:
    source, bucket = _find_version(pending), _find_bucket(pending.bucket)
    rule = find_rule(bucket, pending.key) if bucket else None
    target = _find_bucket(rule.bucket) if rule else None
    reason = "it has no target"
    if source is None or bucket is None:
        ObjectVersion.unreferenced_bodies.append(body)
        return
    bucket.keys.touched.add(pending.key)
    if rule is None or target is None or (reason := _find_obstacle(rule, bucket, source, target)):
        _log.warning("%s/%s is not replicated: %s", pending.bucket, pending.key, reason)
        source.replication = "FAILED"
        ObjectVersion.unreferenced_bodies.append(body)
        return
    versions = target.keys.getlist(pending.key, [])
    replica = next((version for version in versions if version.version_id == pending.version), None)
    if replica is None:
        replica = _create_replica(source, body, rule, target)
        target.keys.setlist(pending.key, [*versions, replica])
    else:  # the replica exists: only the lock can have changed
        target.keys.touched.add(pending.key)
        ObjectVersion.unreferenced_bodies.append(body)
    replica.lock_mode, replica.lock_until = source.lock_mode, source.lock_until
    if target.has_default_lock and replica.lock_mode is None:
        replica.lock_mode, replica.lock_until = target.default_lock_mode, target.default_retention()
    source.replication = "COMPLETED"


def _create_replica(
    source: ObjectVersion, body: str, rule: ReplicationRule, target: FakeBucket
) -> ObjectVersion:
    """Return a replica with the source's id, date, metadata, tags and checksums."""
    replica = copy.copy(source)
    replica.body, replica.replication, replica.multipart = body, "REPLICA", None
    replica.bucket_name, replica.account_id = target.name, target.account_id
    replica.region_name = target.region_name
    vars(replica)["_metadata"] = copy.copy(source.metadata)
    replica.set_storage_class(rule.storage)
    if rule.key:
        replica.encryption, replica.kms_key_id, replica.bucket_key_enabled = "aws:kms", rule.key, True
    tags = _backend(source).tagger.get_tag_dict_for_resource(source.arn)
    if tags:
        _backend(replica).tagger.tag_resource(
            replica.arn, [{"Key": name, "Value": value} for name, value in tags.items()]
        )
    return replica


def _find_obstacle(
    rule: ReplicationRule, bucket: FakeBucket, source: ObjectVersion, target: FakeBucket
) -> str:
    if not target.is_versioned or (bucket.object_lock_enabled and not target.object_lock_enabled):
        return f"{target.name} takes no versions with locks"
    if rule.account and rule.account != target.account_id:
        return f"{target.name} is in another account than the rule names"
    return find_replication_denial(
        rule.role, rule.key, bucket, source, target, changes_owner=rule.changes_owner
    )


def _find_version(pending: PendingReplication) -> ObjectVersion | None:
    bucket = _find_bucket(pending.bucket)
    versions = bucket.keys.getlist(pending.key, []) if bucket else []
    version = next((version for version in versions if version.version_id == pending.version), None)
    return version if isinstance(version, ObjectVersion) else None


def _find_bucket(name: str) -> Any:
    partition, account = s3_backends.bucket_accounts.get(name, ("aws", ""))
    return s3_backends[account][partition].buckets.get(name) if account else None


def _backend(version: ObjectVersion) -> S3Backend:
    return s3_backends[version.account_id]["aws"]


def _list_pending() -> list[PendingReplication]:
    """Return the pending replications of all buckets, the oldest first."""
    dated = [
        (version.last_modified, PendingReplication(bucket.name, version.name, version.version_id))
        for _, _, backend in s3_backends.iter_backends()
        if isinstance(backend, S3Backend)
        for bucket in backend.buckets.values()
        if isinstance(bucket.keys, ObjectIndex)
        for versions in dict.values(bucket.keys)
        for version in versions
        if isinstance(version, ObjectVersion) and version.replication == "PENDING"
    ]
    return [replication for _, replication in sorted(dated, key=lambda entry: entry[0])]
