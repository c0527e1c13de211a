"""Trails of CloudTrail."""

from typing import Any, ClassVar

from twin.aws.policy import allows_service_put
from twin.aws.provider.account import call_or_none
from twin.aws.provider.creations import AwsCallError
from twin.aws.provider.resource_type import UniqueAwsResource
from twin.aws.provider.wire import FLAG, TAGS, TEXT, block, block_list, tags_from_api, tags_to_api
from twin.provider.rules import InputRule, length, matches, size
from twin.provider.schema import ListOf
from twin.provider.values import Properties

_NOT_FOUND = "TrailNotFoundException"
_FLAGS = {
    "enableLogFileValidation": ("EnableLogFileValidation", "LogFileValidationEnabled"),
    "includeGlobalServiceEvents": ("IncludeGlobalServiceEvents", "IncludeGlobalServiceEvents"),
    "isMultiRegionTrail": ("IsMultiRegionTrail", "IsMultiRegionTrail"),
}
"""Input -> its name in requests and in responses."""

_OPERATORS = {
    "endsWiths": "EndsWith",
    "equals": "Equals",
    "notEndsWiths": "NotEndsWith",
    "notEquals": "NotEquals",
    "notStartsWiths": "NotStartsWith",
    "startsWiths": "StartsWith",
}


class CloudTrailTrail(UniqueAwsResource):
    """`aws:cloudtrail/trail:Trail`; its id is its ARN."""

    label = "CloudTrail Trail"
    input_schema = block(
        {
            "advancedEventSelectors": block_list(
                {
                    "name": TEXT,
                    "fieldSelectors!": block_list(
                        {"field!": TEXT, **{operator: ListOf(TEXT) for operator in _OPERATORS}}
                    ),
                }
            ),
            "enableLogFileValidation": FLAG,
            "enableLogging": FLAG,
            "includeGlobalServiceEvents": FLAG,
            "isMultiRegionTrail": FLAG,
            "name": TEXT,
            "region": TEXT,
            "s3BucketName!": TEXT,
            "tags": TAGS,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        matches("name", r"[A-Za-z0-9][.\w-]*[A-Za-z0-9]", "have letters, digits and . - _"),
        length("name", 128, 3),
        length("advancedEventSelectors[].name", 1000),
        size("advancedEventSelectors[].fieldSelectors", 1),
    )
    defaults: ClassVar[Properties] = {
        "enableLogFileValidation": False,
        "enableLogging": True,
        "includeGlobalServiceEvents": True,
        "isMultiRegionTrail": False,
    }
    unmodelled = frozenset(
        {
            "cloudWatchLogsGroupArn",
            "cloudWatchLogsRoleArn",
            "eventSelectors",
            "insightSelectors",
            "isOrganizationTrail",
            "kmsKeyId",
            "s3KeyPrefix",
            "snsTopicName",
        }
    )
    replaces = frozenset({"name"})
    outputs = ("arn", "homeRegion")
    tagged = True
    name_property = "name"
    conflict_code = "TrailAlreadyExistsException"

    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        del token
        region = self.region(inputs)
        arn = f"arn:aws:cloudtrail:{region}:{self.account.id}:trail/{inputs['name']}"
        return arn if self._describe(arn, inputs) else None

    def _create_bare(self, inputs: Properties, token: str) -> str:
        del token
        self._check_bucket(inputs)
        created = self._client(inputs).create_trail(
            Name=inputs["name"],
            S3BucketName=inputs["s3BucketName"],
            TagsList=tags_to_api(self.tags(inputs)),
            **_flags(inputs),
        )
        return str(created["TrailARN"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        client = self._client(inputs)
        if state:
            self._check_bucket(inputs)
            client.update_trail(Name=identifier, S3BucketName=inputs["s3BucketName"], **_flags(inputs))
            removed, tags = self.compare_tags(state, inputs)
            if removed:
                client.remove_tags(ResourceId=identifier, TagsList=[{"Key": name} for name in removed])
            if tags:
                client.add_tags(ResourceId=identifier, TagsList=tags_to_api(tags))
        if selectors := inputs.get("advancedEventSelectors"):
            client.put_event_selectors(
                TrailName=identifier, AdvancedEventSelectors=[_selector_to_api(each) for each in selectors]
            )
        if inputs["enableLogging"] != bool(state.get("enableLogging")):
            change = client.start_logging if inputs["enableLogging"] else client.stop_logging
            change(Name=identifier)

    def _check_bucket(self, inputs: Properties) -> None:
        """Refuse a bucket whose policy does not let CloudTrail write, as CloudTrail does and moto doesn't."""
        bucket = inputs["s3BucketName"]
        s3 = self.account.client("s3", self.region(inputs))
        found = call_or_none(
            lambda: s3.get_bucket_policy(Bucket=bucket), "NoSuchBucketPolicy", "NoSuchBucket"
        )
        resource = f"arn:aws:s3:::{bucket}/AWSLogs/{self.account.id}/"
        if found is None or not allows_service_put(found["Policy"], "cloudtrail.amazonaws.com", resource):
            raise AwsCallError(
                f"writing {self.label} ({inputs['name']})",
                "InsufficientS3BucketPolicyException",
                f"Incorrect S3 bucket policy is detected for bucket: {bucket}",
            )

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        client = self._client(state)
        trail = self._describe(identifier, state)
        if trail is None:
            return None
        arn = trail["TrailARN"]
        selectors = client.get_event_selectors(TrailName=arn).get("AdvancedEventSelectors") or []
        tags = client.list_tags(ResourceIdList=[arn])["ResourceTagList"]
        return {
            "advancedEventSelectors": [_selector_from_api(each) for each in selectors] or None,
            "arn": arn,
            "enableLogging": client.get_trail_status(Name=arn)["IsLogging"],
            "homeRegion": trail["HomeRegion"],
            "name": trail["Name"],
            "s3BucketName": trail["S3BucketName"],
            "tagsAll": tags_from_api(tags[0]["TagsList"] if tags else []),
            **{name: trail[found_as] for name, (_, found_as) in _FLAGS.items()},
        }

    def _describe(self, arn: str, properties: Properties) -> dict[str, Any] | None:
        found = self._client(properties).describe_trails(trailNameList=[arn], includeShadowTrails=False)
        return next((trail for trail in found["trailList"] if trail["TrailARN"] == arn), None)

    def _delete(self, identifier: str, state: Properties) -> None:
        client = self._client(state)
        name = identifier.rpartition("/")[2]  # moto deletes none by its ARN
        call_or_none(lambda: client.delete_trail(Name=name), _NOT_FOUND)

    def _client(self, properties: Properties) -> Any:
        return self.account.client("cloudtrail", self.region(properties))


def _flags(inputs: Properties) -> dict[str, bool]:
    return {given_as: inputs[name] for name, (given_as, _) in _FLAGS.items()}


def _selector_to_api(selector: Properties) -> dict[str, Any]:
    return {
        **({"Name": selector["name"]} if selector.get("name") else {}),
        "FieldSelectors": [
            {
                "Field": field["field"],
                **{api: field[name] for name, api in _OPERATORS.items() if field.get(name)},
            }
            for field in selector["fieldSelectors"]
        ],
    }


def _selector_from_api(selector: dict[str, Any]) -> Properties:
    return {
        "name": selector.get("Name"),
        "fieldSelectors": [
            {
                "field": field["Field"],
                **{name: field[api] for name, api in _OPERATORS.items() if field.get(api)},
            }
            for field in selector["FieldSelectors"]
        ],
    }
