"""Replication between buckets, which moto keeps the rules of and never carries out."""

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
from twin.aws.replication_rights import refusal

DELAY_VARIABLE: Final = "BULWARK_TWIN_REPLICATION_SECONDS"
"""How long a new version waits for its replication, 0 when unset. S3 takes seconds, at worst minutes."""

ReplicationStatus = Literal["PENDING", "COMPLETED", "FAILED", "REPLICA"]

_log = logging.getLogger("aws")
_waiting: "queue.SimpleQueue[Waiting]" = queue.SimpleQueue()


@dataclass(frozen=True)
class Waiting:
    """A version that is to be replicated."""

    bucket: str
    key: str
    version: str


@dataclass(frozen=True)
class ReplicationRule:
    """What one rule of a bucket says."""

    prefix: str
    role: str
    bucket: str
    storage: str
    key: str
    """The destination's KMS key; empty for objects that are not encrypted with one."""

    @classmethod
    def of(cls, document: bytes) -> Iterator[Self]:
        """Yield the rules in force, the one that wins first; those that filter by tags are left out."""
        configuration = xmltodict.parse(document)["ReplicationConfiguration"]
        rules = configuration["Rule"]
        for rule in sorted(_listed(rules), key=lambda rule: -int(rule.get("Priority", 0))):
            chosen = rule.get("Filter") or {}
            if rule["Status"] == "Enabled" and not chosen.keys() & {"Tag", "And"}:
                destination = rule["Destination"]
                yield cls(
                    prefix=chosen.get("Prefix") or rule.get("Prefix") or "",
                    role=configuration["Role"],
                    bucket=destination["Bucket"].rpartition(":")[2],
                    storage=destination.get("StorageClass") or "STANDARD",
                    key=(destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID", ""),
                )


def rule_for(bucket: FakeBucket, key: str) -> ReplicationRule | None:
    document = getattr(bucket, "documents", {}).get("replication")
    if not document or not getattr(bucket, "replication", None):
        return None
    return next((rule for rule in ReplicationRule.of(document) if key.startswith(rule.prefix)), None)


def replicate_later(bucket: FakeBucket, version: Any) -> None:
    """Note a version, new or with another lock than before, if a rule in force covers it."""
    if not isinstance(version, ObjectVersion) or version.replication == "REPLICA":
        return
    if rule := rule_for(bucket, version.name):
        kms = version.encryption == "aws:kms"
        if kms and not rule.key:  # S3 replicates none of those unless the rule selects them
            return
        version.replication = "PENDING"
        _waiting.put(Waiting(bucket.name, version.name, version.version_id))


class Replicator:
    """
    Carries out what `replicate_later` noted, one version after the other, in a thread of its own.

    `change` runs a piece of work in turn with requests and makes durable what it did. What was pending when
    a process ended is taken up by the next one.
    """

    def __init__(self, change: Callable[[Callable[[], Any]], Any]) -> None:
        self._change = change
        self._delay_seconds = float(os.environ.get(DELAY_VARIABLE, "0"))

    def start(self) -> None:
        for waiting in _left_over():
            _waiting.put(waiting)
        threading.Thread(target=self._run, name="replication", daemon=True).start()

    def _run(self) -> None:
        while True:
            waiting = _waiting.get()
            try:
                self._replicate(waiting)
            except Exception:  # noqa: BLE001 - one version that fails holds up no other
                _log.exception("replication of %s failed", waiting)

    def _replicate(self, waiting: Waiting) -> None:
        source = _find(waiting)
        if source is None or source.replication != "PENDING":
            return
        due = source.last_modified.replace(tzinfo=UTC).timestamp() + self._delay_seconds
        time.sleep(max(0.0, due - time.time()))
        body = uuid.uuid4().hex
        try:  # outside of the turn: a large body holds up nobody
            shutil.copyfile(source.folder / source.body, source.folder / body)
        except FileNotFoundError:
            return  # deleted meanwhile
        self._change(lambda: _finish(waiting, body))
        _log.info("replicated %s/%s", waiting.bucket, waiting.key)


def _finish(waiting: Waiting, body: str) -> None:
    source, bucket = _find(waiting), _bucket(waiting.bucket)
    rule = rule_for(bucket, waiting.key) if bucket else None
    target = _bucket(rule.bucket) if rule else None
    why = "it has no target"
    if source is None or bucket is None:
        ObjectVersion.released.append(body)
        return
    bucket.keys.touched.add(waiting.key)
    if rule is None or target is None or (why := _hindrance(rule, bucket, source, target)):
        _log.warning("%s/%s is not replicated: %s", waiting.bucket, waiting.key, why)
        source.replication = "FAILED"
        ObjectVersion.released.append(body)
        return
    versions = target.keys.getlist(waiting.key, [])
    copied = next((one for one in versions if one.version_id == waiting.version), None)
    if copied is None:
        copied = _copy(source, body, rule, target)
        target.keys.setlist(waiting.key, [*versions, copied])
    else:  # its lock alone can have changed
        target.keys.touched.add(waiting.key)
        ObjectVersion.released.append(body)
    copied.lock_mode, copied.lock_until = source.lock_mode, source.lock_until
    if target.has_default_lock and copied.lock_mode is None:
        copied.lock_mode, copied.lock_until = target.default_lock_mode, target.default_retention()
    source.replication = "COMPLETED"


def _copy(source: ObjectVersion, body: str, rule: ReplicationRule, target: FakeBucket) -> ObjectVersion:
    """Return the replica: id, date, metadata, tags and checksums are the source's."""
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


def _hindrance(rule: ReplicationRule, bucket: FakeBucket, source: ObjectVersion, target: FakeBucket) -> str:
    if not target.is_versioned or (bucket.object_lock_enabled and not target.object_lock_enabled):
        return f"{target.name} takes no versions with locks"
    return refusal(rule.role, rule.key, bucket, source, target)


def _find(waiting: Waiting) -> ObjectVersion | None:
    bucket = _bucket(waiting.bucket)
    versions = bucket.keys.getlist(waiting.key, []) if bucket else []
    found = next((one for one in versions if one.version_id == waiting.version), None)
    return found if isinstance(found, ObjectVersion) else None


def _bucket(name: str) -> Any:
    partition, account = s3_backends.bucket_accounts.get(name, ("aws", ""))
    return s3_backends[account][partition].buckets.get(name) if account else None


def _backend(version: ObjectVersion) -> S3Backend:
    return s3_backends[version.account_id]["aws"]


def _left_over() -> list[Waiting]:
    """Return what is pending in all buckets, the oldest first."""
    pending = [
        (version.last_modified, Waiting(bucket.name, version.name, version.version_id))
        for _, _, backend in s3_backends.iter_backends()
        if isinstance(backend, S3Backend)
        for bucket in backend.buckets.values()
        if isinstance(bucket.keys, ObjectIndex)
        for versions in dict.values(bucket.keys)
        for version in versions
        if isinstance(version, ObjectVersion) and version.replication == "PENDING"
    ]
    return [waiting for _, waiting in sorted(pending, key=lambda one: one[0])]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
