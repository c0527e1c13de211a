"""Resource types that hold one setting of an S3 bucket each."""

from abc import abstractmethod
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.creations import AwsCallError
from twin.aws.provider.resource_type import AwsResource
from twin.aws.provider.wire import FLAG, TEXT, WHOLE, block, block_list, from_api, to_api
from twin.provider.rules import exactly_one, length, one_of, size, when, within
from twin.provider.schema import ListOf
from twin.provider.server import PropertyChange, StandInError
from twin.provider.values import Properties

_BLOCKED = "blockedEncryptionTypes"
NO_OBJECT_LOCK = "ObjectLockConfigurationNotFoundError"


class BucketSetting(AwsResource):
    """A setting that is written as a whole, so its creation can be repeated. Its id is the bucket's name."""

    absent_codes: ClassVar[tuple[str, ...]]
    """AWS's error codes for a bucket without the setting."""
    unmodelled = frozenset({"expectedBucketOwner"})
    replaces = frozenset({"bucket"})

    @abstractmethod
    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        """Write the setting; raise AwsCallError for what AWS refuses and moto accepts."""

    @abstractmethod
    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        """Return the setting under the provider's names; None, or an error of `absent_codes`, if unset."""

    @abstractmethod
    def _delete_setting(self, s3: Any, bucket: str) -> None:
        """Delete the setting."""

    def _create(self, inputs: Properties) -> str:
        bucket = str(inputs["bucket"])
        self._write_setting(self.s3(inputs), bucket, inputs)
        return bucket

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        s3 = self.s3(state)
        setting = call_or_none(lambda: self._read_setting(s3, identifier), "NoSuchBucket", *self.absent_codes)
        return None if setting is None else {"bucket": identifier, **setting}

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        self._write_setting(self.s3({**state, **inputs}), identifier, inputs)

    def _delete(self, identifier: str, state: Properties) -> None:
        s3 = self.s3(state)
        call_or_none(lambda: self._delete_setting(s3, identifier), "NoSuchBucket", *self.absent_codes)

    def s3(self, properties: Properties) -> Any:
        return self.account.client("s3", self.region(properties))

    def write_error(self, bucket: str, code: str, message: str) -> AwsCallError:
        return AwsCallError(f"writing {self.label} ({bucket})", code, message)


class BucketVersioning(BucketSetting):
    """`aws:s3/bucketVersioning:BucketVersioning`."""

    label = "S3 Bucket Versioning"
    input_schema = block(
        {
            "bucket!": TEXT,
            "versioningConfiguration!": block({"status!": TEXT, "mfaDelete": TEXT}),
            "region": TEXT,
        }
    )
    rules = (one_of("versioningConfiguration.status", "Enabled", "Suspended", "Disabled"),)
    unmodelled = frozenset({"expectedBucketOwner", "mfa"})
    absent_codes = ()

    def diff(
        self, state: Properties, old_inputs: Properties, inputs: Properties
    ) -> dict[str, PropertyChange]:
        before = (state.get("versioningConfiguration") or {}).get("status")
        after = _nested_object(inputs, "versioningConfiguration").get("status")
        if before in {"Enabled", "Suspended"} and after == "Disabled":
            raise StandInError(
                f"versioningConfiguration.status cannot be updated from {before!r} to 'Disabled'"
            )
        return super().diff(state, old_inputs, inputs)

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        status = inputs["versioningConfiguration"]["status"]
        if status == "Suspended" and is_locked(s3, bucket):
            raise self.write_error(
                bucket,
                "InvalidBucketState",
                "An Object Lock configuration is present on this bucket,"
                " so the versioning state cannot be changed",
            )
        if status == "Disabled":
            s3.get_bucket_versioning(Bucket=bucket)  # writes nothing; fails if the bucket does not exist
        else:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        status = s3.get_bucket_versioning(Bucket=bucket).get("Status", "Disabled")
        return {"versioningConfiguration": {"status": status}}

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        """Suspend versioning; under Object Lock, where S3 refuses that, the provider leaves it enabled."""
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled" and not is_locked(s3, bucket):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


class BucketObjectLockConfiguration(BucketSetting):
    """`aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration`."""

    label = "S3 Bucket Object Lock Configuration"
    input_schema = block(
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
    absent_codes = (NO_OBJECT_LOCK,)

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        configuration = {"objectLockEnabled": "Enabled", "rule": inputs.get("rule")}
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=to_api(configuration))

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        setting = from_api(s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"])
        if "rule" in setting:  # moto answers 0 for the unit (days or years) that is not set
            retention = setting["rule"]["defaultRetention"]
            setting["rule"]["defaultRetention"] = {name: value for name, value in retention.items() if value}
        return setting

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        """Remove the default retention; Object Lock itself can never be disabled."""
        s3.put_object_lock_configuration(
            Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        )


class BucketServerSideEncryptionConfiguration(BucketSetting):
    """`aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration`."""

    label = "S3 Bucket Server Side Encryption Configuration"
    input_schema = block(
        {
            "bucket!": TEXT,
            "rules!": block_list(
                {
                    "applyServerSideEncryptionByDefault": block(
                        {"sseAlgorithm!": TEXT, "kmsMasterKeyId": TEXT}
                    ),
                    "bucketKeyEnabled": FLAG,
                    "blockedEncryptionTypes": ListOf(TEXT),
                }
            ),
            "region": TEXT,
        }
    )
    rules = (
        size("rules", 1, 1),
        one_of("rules[].blockedEncryptionTypes[]", "SSE-C", "NONE"),
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
    absent_codes = ()

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        rules = [
            {name: {"encryptionType": value} if name == _BLOCKED else value for name, value in rule.items()}
            for rule in inputs["rules"]
        ]
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": to_api(rules)})

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        """Return SSE-S3 for a bucket without a configuration, as S3 does since January 2023."""
        sse_s3 = {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]}
        response = call_or_none(
            lambda: s3.get_bucket_encryption(Bucket=bucket), "ServerSideEncryptionConfigurationNotFoundError"
        )
        if not response:
            return sse_s3
        rules = from_api(response["ServerSideEncryptionConfiguration"]["Rules"])
        return {
            "rules": [
                {name: value["encryptionType"] if name == _BLOCKED else value for name, value in rule.items()}
                for rule in rules
            ]
        }

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_encryption(Bucket=bucket)


class BucketPublicAccessBlock(BucketSetting):
    """`aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock`."""

    label = "S3 Bucket Public Access Block"
    _flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    input_schema = block(
        {"bucket!": TEXT, **dict.fromkeys(_flags, FLAG), "skipDestroy": FLAG, "region": TEXT}
    )
    defaults: ClassVar[Properties] = dict.fromkeys(_flags, False)
    write_only = frozenset({"skipDestroy"})
    absent_codes = ("NoSuchPublicAccessBlockConfiguration",)

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        flags = to_api({name: inputs[name] for name in self._flags})
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=flags)

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        return from_api(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"])

    def _delete(self, identifier: str, state: Properties) -> None:
        if not state.get("skipDestroy"):
            super()._delete(identifier, state)

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        s3.delete_public_access_block(Bucket=bucket)


class BucketOwnershipControls(BucketSetting):
    """`aws:s3/bucketOwnershipControls:BucketOwnershipControls`."""

    label = "S3 Bucket Ownership Controls"
    input_schema = block({"bucket!": TEXT, "rule!": block({"objectOwnership!": TEXT}), "region": TEXT})
    rules = (one_of("rule.objectOwnership", "BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced"),)
    unmodelled = frozenset()
    absent_codes = ("OwnershipControlsNotFoundError",)

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [to_api(inputs["rule"])]})

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        controls = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
        return {"rule": from_api(controls["Rules"][0])}

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        s3.delete_bucket_ownership_controls(Bucket=bucket)


class BucketLogging(BucketSetting):
    """`aws:s3/bucketLogging:BucketLogging`."""

    label = "S3 Bucket Logging"
    input_schema = block(
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
    absent_codes = ()

    def _write_setting(self, s3: Any, bucket: str, inputs: Properties) -> None:
        target = inputs["targetBucket"]
        lock = call_or_none(
            lambda: s3.get_object_lock_configuration(Bucket=target), NO_OBJECT_LOCK, "NoSuchBucket"
        )
        if lock and "Rule" in lock["ObjectLockConfiguration"]:
            raise self.write_error(
                bucket,
                "InvalidTargetBucketForLogging",
                f"{target} has a default retention; S3 delivers no logs to such a bucket",
            )
        names = ("targetBucket", "targetPrefix", "targetObjectKeyFormat")
        enabled = to_api({name: inputs.get(name) for name in names})
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})

    def _read_setting(self, s3: Any, bucket: str) -> Properties | None:
        setting = s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled")
        return from_api(setting) if setting else None

    def _delete_setting(self, s3: Any, bucket: str) -> None:
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})


def is_versioned(s3: Any, bucket: str) -> bool:
    return s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def is_locked(s3: Any, bucket: str) -> bool:
    return call_or_none(lambda: s3.get_object_lock_configuration(Bucket=bucket), NO_OBJECT_LOCK) is not None


def _nested_object(properties: Properties, name: str) -> Properties:
    inner = properties.get(name)
    return inner if isinstance(inner, dict) else {}
