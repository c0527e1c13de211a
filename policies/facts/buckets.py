"""How buckets hang together: what configures one, who replicates into whom, who keeps whose access log."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from policies.framework.property_values import Absent, Known, Reading, Unknown
from policies.framework.stack import PolicyStack, Resource

ACL: Final = "aws:s3/bucketAcl:BucketAcl"
BUCKET: Final = "aws:s3/bucket:Bucket"
ENCRYPTION: Final = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
LIFECYCLE: Final = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOCK: Final = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
LOGGING: Final = "aws:s3/bucketLogging:BucketLogging"
OWNERSHIP: Final = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
POLICY: Final = "aws:s3/bucketPolicy:BucketPolicy"
PUBLIC_ACCESS: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
REPLICATION: Final = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
VERSIONING: Final = "aws:s3/bucketVersioning:BucketVersioning"
ARN: Final = "arn:aws:s3:::"


class Buckets:
    """What the buckets of a stack are to each other."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._by_name = {name: bucket for bucket in stack.of(BUCKET) for name in _names(bucket)}
        self._parts: dict[str, dict[Resource, list[Resource]]] = {}
        self._filled = self._filled_by_jobs()
        self.all: Final = stack.of(BUCKET)
        self.replications: Final = [
            (source, replication, target)
            for replication in stack.of(REPLICATION)
            for source in self.named(replication, "bucket")
            for target in self._targets(replication)
        ]
        """Each pair of buckets with the resource that replicates from the first to the second."""
        targets = self._log_targets()
        vaults = {bucket for bucket in self.all if self._is_vault(bucket, keeps_log=bucket in targets)}
        vaults |= {target for source, _, target in self.replications if source in vaults}
        self.vaults: Final = [bucket for bucket in self.all if bucket in vaults]
        """Buckets that hold backups: locked, filled by a job or a vault, or of a component that locks."""
        self.access_logs: Final = targets - vaults
        """Buckets that keep another one's access log. A vault stays one, whatever is logged there."""

    def parts(self, bucket: Resource, token: str) -> list[Resource]:
        """Return the resources of a type that configure this bucket, by its name or made from it."""
        if token not in self._parts:
            found: dict[Resource, list[Resource]] = defaultdict(list)
            for part in self._stack.of(token):
                for configured in self.named(part, "bucket"):
                    found[configured].append(part)
            self._parts[token] = dict(found)
        return self._parts[token].get(bucket, [])

    def configuring(self, bucket: Resource, token: str, inline: str) -> list[Resource]:
        """Return its parts of a type, and the bucket itself where it says the same in an input of its own."""
        own = [] if isinstance(bucket.at(inline), Absent) else [bucket]
        return [*self.parts(bucket, token), *own]

    def named(self, resource: Resource, name: str) -> list[Resource]:
        """Return the buckets that an input names; where it is unknown, those that it is made from."""
        return self._found(resource, name, [resource.at(name)])

    def log_targets(self, logging: Resource) -> list[Resource]:
        """Return where an access log goes, by a bucket's logging or by a bucket that says it inline."""
        if logging.type == LOGGING:
            return self.named(logging, "targetBucket")
        return self._found(logging, "logging", [logging.at("logging", "targetBucket")])

    def by_arn(self, arn: str) -> Resource | None:
        """Return the bucket of this stack with this ARN, or name."""
        return self._by_name.get(arn.removeprefix(ARN))

    def _log_targets(self) -> set[Resource]:
        found: set[Resource] = set()
        for logging in self._stack.of(LOGGING):
            found.update(set(self.log_targets(logging)) - set(self.named(logging, "bucket")))
        for bucket in self._stack.of(BUCKET):
            if not isinstance(bucket.at("logging"), Absent):
                found.update(set(self.log_targets(bucket)) - {bucket})
        return found

    def _targets(self, replication: Resource) -> list[Resource]:
        rules = replication.at("rules").each()
        return self._found(replication, "rules", [rule.at("destination", "bucket") for rule in rules])

    def _found(self, resource: Resource, name: str, readings: list[Reading]) -> list[Resource]:
        named = (self.by_arn(text) for text in _texts(readings))
        found = [bucket for bucket in named if bucket]
        if Unknown() in readings:
            found += [bucket for bucket in self._stack.behind(resource, name) if bucket.type == BUCKET]
        return list(dict.fromkeys(found))

    def _filled_by_jobs(self) -> set[Resource]:
        found: set[Resource] = set()
        for job in self._stack.publishing("copies"):
            listed = (self._stack.get(urn) for urn in _texts(job.at("copies").each()))
            found.update(self._stack.behind(job, "copies"))
            found.update(resource for resource in listed if resource)
        return found

    def _is_vault(self, bucket: Resource, *, keeps_log: bool) -> bool:
        # Only its own component: the log of a vault is made inside of the vault's component.
        own = self._stack.around(bucket)[:1]
        locking = any(not isinstance(component.at("lockDays"), Absent) for component in own)
        locked = bucket.at("objectLockEnabled") not in (Absent(), Known(value=False)) or bool(
            self.configuring(bucket, LOCK, "objectLockConfiguration")
        )
        return bucket in self._filled or locking or (locked and not keeps_log)


def buckets(stack: PolicyStack) -> list[Resource]:
    """Return the subjects of rules about every bucket."""
    return stack.view(Buckets).all


def vaults(stack: PolicyStack) -> list[Resource]:
    """Return the subjects of rules about buckets that hold backups."""
    return stack.view(Buckets).vaults


def arn_of(bucket: Resource) -> str:
    """
    Return a bucket's ARN, as policies name it.

    Where its name isn't known yet, one in the form that Pulumi gives to what has no name: policies made from
    the real one are unknown themselves, and those with wildcards match it.
    """
    return ARN + next(iter(_names(bucket)), f"{bucket.name}-0000000")


def _names(bucket: Resource) -> list[str]:
    return _texts([bucket.at("bucket"), bucket.output("bucket"), bucket.output("id")])


def _texts(readings: Iterable[Reading]) -> list[str]:
    return [
        reading.value for reading in readings if isinstance(reading, Known) and isinstance(reading.value, str)
    ]
