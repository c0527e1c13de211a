"""S3 buckets: their configuration resources, replication, access logs, and which of them are vaults."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
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
TRAIL: Final = "aws:cloudtrail/trail:Trail"
VERSIONING: Final = "aws:s3/bucketVersioning:BucketVersioning"
ARN: Final = "arn:aws:s3:::"


class Buckets:
    """The buckets of a stack and the relations between them."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._by_name = {name: bucket for bucket in stack.of_type(BUCKET) for name in _names_of(bucket)}
        self._parts: dict[str, dict[Resource, list[Resource]]] = {}
        self._filled = self._find_filled_by_jobs()
        self.all: Final = stack.of_type(BUCKET)
        self.replications: Final = [
            (source, replication, target)
            for replication in stack.of_type(REPLICATION)
            for source in self.resolve(replication, "bucket")
            for target in self._replication_targets(replication)
        ]
        """Each pair of buckets with the resource that replicates from the first to the second."""
        targets = self._find_log_targets() | self._find_trail_targets()
        vaults = {bucket for bucket in self.all if self._is_vault(bucket, keeps_log=bucket in targets)}
        vaults |= {target for source, _, target in self.replications if source in vaults}
        self.vaults: Final = [bucket for bucket in self.all if bucket in vaults]
        """Buckets that hold backups: locked, filled by a job or a vault, or of a component with a lock."""
        self.access_logs: Final = targets - vaults
        """Buckets with an access log or a trail's record. A vault that holds one stays a vault."""

    def parts(self, bucket: Resource, token: str) -> list[Resource]:
        """Return the resources of a type that configure this bucket, such as its BucketPolicy."""
        if token not in self._parts:
            parts: dict[Resource, list[Resource]] = defaultdict(list)
            for part in self._stack.of_type(token):
                for configured in self.resolve(part, "bucket"):
                    parts[configured].append(part)
            self._parts[token] = dict(parts)
        return self._parts[token].get(bucket, [])

    def parts_or_inline(self, bucket: Resource, token: str, inline: str) -> list[Resource]:
        """Return the bucket's parts of a type, and the bucket itself if its input `inline` does the same."""
        own = [] if isinstance(bucket.at(inline), Absent) else [bucket]
        return [*self.parts(bucket, token), *own]

    def resolve(self, resource: Resource, name: str) -> list[Resource]:
        """Return the buckets that an input names; if it is unknown, those that it depends on."""
        return self._resolve_values(resource, name, [resource.at(name)])

    def log_targets(self, logging: Resource) -> list[Resource]:
        """Return the buckets that receive an access log: of a BucketLogging, or of a bucket's own input."""
        if logging.type == LOGGING:
            return self.resolve(logging, "targetBucket")
        return self._resolve_values(logging, "logging", [logging.at("logging", "targetBucket")])

    def by_arn(self, arn: str) -> Resource | None:
        """Return the bucket of this stack with this ARN or name."""
        return self._by_name.get(arn.removeprefix(ARN))

    def _find_log_targets(self) -> set[Resource]:
        targets: set[Resource] = set()
        for logging in self._stack.of_type(LOGGING):
            targets.update(set(self.log_targets(logging)) - set(self.resolve(logging, "bucket")))
        for bucket in self._stack.of_type(BUCKET):
            if not isinstance(bucket.at("logging"), Absent):
                targets.update(set(self.log_targets(bucket)) - {bucket})
        return targets

    def _find_trail_targets(self) -> set[Resource]:
        trails = self._stack.of_type(TRAIL)
        return {bucket for trail in trails for bucket in self.resolve(trail, "s3BucketName")}

    def _replication_targets(self, replication: Resource) -> list[Resource]:
        arns = [rule.at("destination", "bucket") for rule in replication.at("rules").each()]
        return self._resolve_values(replication, "rules", arns)

    def _resolve_values(self, resource: Resource, name: str, values: list[PropertyValue]) -> list[Resource]:
        known = (self.by_arn(text) for text in _known_texts(values))
        buckets = [bucket for bucket in known if bucket]
        if Unknown() in values:
            dependencies = self._stack.dependencies(resource, name)
            buckets += [dependency for dependency in dependencies if dependency.type == BUCKET]
        return list(dict.fromkeys(buckets))

    def _find_filled_by_jobs(self) -> set[Resource]:
        filled: set[Resource] = set()
        for job in self._stack.publishers("copies"):
            known = (
                self._stack.get(text) or self.by_arn(text) for text in _known_texts(job.at("copies").each())
            )
            filled.update(self._stack.dependencies(job, "copies"))
            filled.update(resource for resource in known if resource)
        return filled

    def _is_vault(self, bucket: Resource, *, keeps_log: bool) -> bool:
        # Only the parent: a vault's component also contains the bucket for the vault's access log.
        parent = self._stack.ancestors(bucket)[:1]
        locking = any(not isinstance(component.at("lockDays"), Absent) for component in parent)
        locked = bucket.at("objectLockEnabled") not in (Absent(), Known(value=False)) or bool(
            self.parts_or_inline(bucket, LOCK, "objectLockConfiguration")
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
    Return a bucket's ARN.

    If its name is not known yet, return an ARN with a name in the form that Pulumi generates. Policies with
    wildcards match it; policies that contain the real name are unknown themselves.
    """
    return bucket.view(_find_arn)


def _find_arn(bucket: Resource) -> str:
    return ARN + next(iter(_names_of(bucket)), f"{bucket.name}-0000000")


def _names_of(bucket: Resource) -> list[str]:
    return _known_texts([bucket.at("bucket"), bucket.output("bucket"), bucket.output("id")])


def _known_texts(values: Iterable[PropertyValue]) -> list[str]:
    return [value.value for value in values if isinstance(value, Known) and isinstance(value.value, str)]
