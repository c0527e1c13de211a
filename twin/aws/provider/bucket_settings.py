"""The resource types that each hold one setting of an S3 bucket."""

from abc import abstractmethod
from typing import Any, ClassVar

from twin.aws.provider.account import answer
from twin.aws.provider.creations import RefusedError
from twin.aws.provider.kind import AwsKind
from twin.aws.provider.wire import FLAG, TEXT, WHOLE, block, from_api, several, to_api
from twin.provider.rules import exactly_one, length, one_of, size, when, within
from twin.provider.server import PropertyChange, StandInError
from twin.provider.values import Properties

NO_LOCK = "ObjectLockConfigurationNotFoundError"


class BucketSetting(AwsKind):
    """One setting: written as a whole, so that creation can be repeated. Its id is the bucket's name."""

    absent: ClassVar[tuple[str, ...]]
    """AWS's codes for: no such setting."""
    unmodelled = frozenset({"expectedBucketOwner"})
    replaces = frozenset({"bucket"})

    @abstractmethod
    def put(self, s3: Any, bucket: str, wanted: Properties) -> None:
        """Write the setting; refuse what AWS would refuse and moto accepts."""

    @abstractmethod
    def get(self, s3: Any, bucket: str) -> Properties | None:
        """Return the setting under the provider's names; None, or one of the codes in `absent`, if unset."""

    @abstractmethod
    def drop(self, s3: Any, bucket: str) -> None:
        """Delete the setting."""

    def make(self, wanted: Properties) -> str:
        bucket = str(wanted["bucket"])
        self.put(self.s3(wanted), bucket, wanted)
        return bucket

    def look(self, identifier: str, state: Properties) -> Properties | None:
        s3 = self.s3(state)
        setting = answer(lambda: self.get(s3, identifier), "NoSuchBucket", *self.absent)
        return None if setting is None else {"bucket": identifier, **setting}

    def change(self, identifier: str, state: Properties, wanted: Properties) -> None:
        self.put(self.s3({**state, **wanted}), identifier, wanted)

    def remove(self, identifier: str, state: Properties) -> None:
        s3 = self.s3(state)
        answer(lambda: self.drop(s3, identifier), "NoSuchBucket", *self.absent)

    def s3(self, properties: Properties) -> Any:
        return self.account.client("s3", self.region(properties))

    def refuse(self, bucket: str, code: str, message: str) -> RefusedError:
        return RefusedError(f"writing {self.label} ({bucket})", code, message)


class BucketVersioning(BucketSetting):
    """`aws:s3/bucketVersioning:BucketVersioning`."""

    label = "S3 Bucket Versioning"
    inputs = block(
        {
            "bucket!": TEXT,
            "versioningConfiguration!": block({"status!": TEXT, "mfaDelete": TEXT}),
            "region": TEXT,
        }
    )
    rules = (one_of("versioningConfiguration.status", "Enabled", "Suspended", "Disabled"),)
    unmodelled = frozenset({"expectedBucketOwner", "mfa"})
    absent = ()

    def diff(
        self, state: Properties, old_inputs: Properties, inputs: Properties
    ) -> dict[str, PropertyChange]:
        before = (state.get("versioningConfiguration") or {}).get("status")
        after = _inner(inputs, "versioningConfiguration").get("status")
        if before in {"Enabled", "Suspended"} and after == "Disabled":
            raise StandInError(
                f"versioningConfiguration.status cannot be updated from {before!r} to 'Disabled'"
            )
        return super().diff(state, old_inputs, inputs)

    def put(self, s3: Any, bucket: str, wanted: Properties) -> None:
        status = wanted["versioningConfiguration"]["status"]
        if status == "Suspended" and is_locked(s3, bucket):
            raise self.refuse(
                bucket,
                "InvalidBucketState",
                "An Object Lock configuration is present on this bucket,"
                " so the versioning state cannot be changed",
            )
        if status == "Disabled":
            s3.get_bucket_versioning(Bucket=bucket)  # nothing to write; the bucket must exist
        else:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def get(self, s3: Any, bucket: str) -> Properties | None:
        status = s3.get_bucket_versioning(Bucket=bucket).get("Status", "Disabled")
        return {"versioningConfiguration": {"status": status}}

    def drop(self, s3: Any, bucket: str) -> None:
        """Suspend; under Object Lock S3 does not allow that, and the provider leaves it as it is."""
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled" and not is_locked(s3, bucket):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


class BucketObjectLockConfiguration(BucketSetting):
    """`aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration`."""

    label = "S3 Bucket Object Lock Configuration"
    inputs = block(
        {
            "bucket!": TEXT,
            "objectLockEnabled": TEXT,
            "rule": block({"defaultRetention!": block({"mode!": TEXT, "days": WHOLE, "years": WHOLE})}),
            "region": TEXT,
        }
    )
    rules = (
        one_of("objectLockEnabled", "Enabled"),
        one_of("rule.defaultRetention.mode", "GOVERNANCE", "COMPLIANCE"),
        exactly_one("rule.defaultRetention", "days", "years"),
        within("rule.defaultRetention.days", 1, 36_500),
        within("rule.defaultRetention.years", 1, 100),
    )
    defaults: ClassVar[Properties] = {"objectLockEnabled": "Enabled"}
    unmodelled = frozenset({"expectedBucketOwner", "token"})
    replaces = frozenset({"bucket", "objectLockEnabled"})
    absent = (NO_LOCK,)

    def put(self, s3: Any, bucket: str, wanted: Properties) -> None:
        configuration = {"objectLockEnabled": "Enabled", "rule": wanted.get("rule")}
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=to_api(configuration))

    def get(self, s3: Any, bucket: str) -> Properties | None:
        found = from_api(s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"])
        if "rule" in found:  # moto answers with 0 for the unit that is not in use
            retention = found["rule"]["defaultRetention"]
            found["rule"]["defaultRetention"] = {name: value for name, value in retention.items() if value}
        return found

    def drop(self, s3: Any, bucket: str) -> None:
        """Remove the default retention; the lock itself is for ever."""
        s3.put_object_lock_configuration(
            Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        )


class BucketServerSideEncryptionConfiguration(BucketSetting):
    """`aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration`."""

    label = "S3 Bucket Server Side Encryption Configuration"
    inputs = block(
        {
            "bucket!": TEXT,
            "rules!": several(
                {
                    "applyServerSideEncryptionByDefault": block(
                        {"sseAlgorithm!": TEXT, "kmsMasterKeyId": TEXT}
                    ),
                    "bucketKeyEnabled": FLAG,
                }
            ),
            "region": TEXT,
        }
    )
    rules = (
        size("rules", 1, 1),
        one_of(
            "rules[].applyServerSideEncryptionByDefault.sseAlgorithm", "AES256", "aws:kms", "aws:kms:dsse"
        ),
        when(
            "rules[].applyServerSideEncryptionByDefault",
            "sseAlgorithm",
            "AES256",
            forbids=("kmsMasterKeyId",),
        ),
    )
    absent = ()

    def put(self, s3: Any, bucket: str, wanted: Properties) -> None:
        s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": to_api(wanted["rules"])}
        )

    def get(self, s3: Any, bucket: str) -> Properties | None:
        """Without a configuration S3 encrypts with keys of its own, and says so (since January 2023)."""
        own = {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]}
        found = answer(
            lambda: s3.get_bucket_encryption(Bucket=bucket), "ServerSideEncryptionConfigurationNotFoundError"
        )
        return from_api(found["ServerSideEncryptionConfiguration"]) if found else own

    def drop(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_encryption(Bucket=bucket)


class BucketPublicAccessBlock(BucketSetting):
    """`aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock`."""

    label = "S3 Bucket Public Access Block"
    _flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    inputs = block({"bucket!": TEXT, **dict.fromkeys(_flags, FLAG), "skipDestroy": FLAG, "region": TEXT})
    defaults: ClassVar[Properties] = dict.fromkeys(_flags, False)
    remembered = frozenset({"skipDestroy"})
    absent = ("NoSuchPublicAccessBlockConfiguration",)

    def put(self, s3: Any, bucket: str, wanted: Properties) -> None:
        flags = to_api({name: wanted[name] for name in self._flags})
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)

    def get(self, s3: Any, bucket: str) -> Properties | None:
        return from_api(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"])

    def remove(self, identifier: str, state: Properties) -> None:
        if not state.get("skipDestroy"):
            super().remove(identifier, state)

    def drop(self, s3: Any, bucket: str) -> None:
        s3.delete_public_access_block(Bucket=bucket)


class BucketOwnershipControls(BucketSetting):
    """`aws:s3/bucketOwnershipControls:BucketOwnershipControls`."""

    label = "S3 Bucket Ownership Controls"
    inputs = block({"bucket!": TEXT, "rule!": block({"objectOwnership!": TEXT}), "region": TEXT})
    rules = (one_of("rule.objectOwnership", "BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced"),)
    unmodelled = frozenset()
    absent = ("OwnershipControlsNotFoundError",)

    def put(self, s3: Any, bucket: str, wanted: Properties) -> None:
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [to_api(wanted["rule"])]})

    def get(self, s3: Any, bucket: str) -> Properties | None:
        found = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
        return {"rule": from_api(found["Rules"][0])}

    def drop(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_ownership_controls(Bucket=bucket)


class BucketLogging(BucketSetting):
    """`aws:s3/bucketLogging:BucketLogging`."""

    label = "S3 Bucket Logging"
    inputs = block(
        {
            "bucket!": TEXT,
            "targetBucket!": TEXT,
            "targetPrefix!": TEXT,
            "targetObjectKeyFormat": block(
                {"partitionedPrefix": block({"partitionDateSource!": TEXT}), "simplePrefix": block({})}
            ),
            "region": TEXT,
        }
    )
    rules = (
        length("targetPrefix", 800),
        one_of("targetObjectKeyFormat.partitionedPrefix.partitionDateSource", "DeliveryTime", "EventTime"),
    )
    unmodelled = frozenset({"expectedBucketOwner", "targetGrants"})
    absent = ()

    def put(self, s3: Any, bucket: str, wanted: Properties) -> None:
        target = wanted["targetBucket"]
        lock = answer(lambda: s3.get_object_lock_configuration(Bucket=target), NO_LOCK, "NoSuchBucket")
        if lock and "Rule" in lock["ObjectLockConfiguration"]:
            raise self.refuse(
                bucket,
                "InvalidTargetBucketForLogging",
                f"{target} has a default retention; S3 delivers no logs to such a bucket",
            )
        names = ("targetBucket", "targetPrefix", "targetObjectKeyFormat")
        enabled = to_api({name: wanted.get(name) for name in names})
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})

    def get(self, s3: Any, bucket: str) -> Properties | None:
        found = s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled")
        return from_api(found) if found else None

    def drop(self, s3: Any, bucket: str) -> None:
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})


def is_versioned(s3: Any, bucket: str) -> bool:
    return s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def is_locked(s3: Any, bucket: str) -> bool:
    return answer(lambda: s3.get_object_lock_configuration(Bucket=bucket), NO_LOCK) is not None


def _inner(properties: Properties, name: str) -> Properties:
    inner = properties.get(name)
    return inner if isinstance(inner, dict) else {}
