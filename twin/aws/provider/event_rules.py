"""Rules of EventBridge, and their targets."""

import json
from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.resource_type import AwsResource
from twin.aws.provider.wire import TAGS, TEXT, block, tags_from_api, tags_to_api
from twin.provider.rules import InputRule, at_most_one, length, matches, one_of, valid_json
from twin.provider.schema import MapOf
from twin.provider.values import Properties

_NOT_FOUND = "ResourceNotFoundException"
_STATES = ("ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_DEFAULT_BUS = "default"


class EventRule(AwsResource):
    """`aws:cloudwatch/eventRule:EventRule` on the default bus; its id is its name."""

    label = "EventBridge Rule"
    input_schema = block(
        {
            "description": TEXT,
            "eventBusName": TEXT,
            "eventPattern": TEXT,
            "name": TEXT,
            "namePrefix": TEXT,
            "region": TEXT,
            "state": TEXT,
            "tags": TAGS,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        matches("name", r"[.\w-]{1,64}", "have 1 to 64 letters, digits and . - _"),
        at_most_one("", "name", "namePrefix"),
        length("description", 512),
        valid_json("eventPattern"),
        length("eventPattern", 4096),  # as the provider checks; AWS's own quota is 2048
        one_of("eventBusName", _DEFAULT_BUS),
        one_of("state", *_STATES),
    )
    defaults: ClassVar[Properties] = {"eventBusName": _DEFAULT_BUS, "state": "ENABLED"}
    unmodelled = frozenset({"forceDestroy", "isEnabled", "roleArn", "scheduleExpression"})
    replaces = frozenset({"eventBusName", "name"})
    outputs = ("arn",)
    tagged = True
    name_property = "name"

    def normalize(self, name: str, value: Any) -> Any:
        if name == "eventPattern" and value:
            return json.dumps(json.loads(value), sort_keys=True)
        return super().normalize(name, value)

    def _create(self, inputs: Properties) -> str:
        name = str(inputs["name"])
        self._put(name, inputs, Tags=tags_to_api(self.tags(inputs)))
        return name

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        self._put(identifier, inputs)
        client, arn = self._client(inputs), state["arn"]
        removed, tags = self.compare_tags(state, inputs)
        if removed:
            client.untag_resource(ResourceARN=arn, TagKeys=removed)
        if tags:
            client.tag_resource(ResourceARN=arn, Tags=tags_to_api(tags))

    def _put(self, name: str, inputs: Properties, **more: Any) -> None:
        self._client(inputs).put_rule(
            Name=name,
            EventPattern=inputs["eventPattern"],
            Description=inputs.get("description", ""),
            State=inputs["state"],
            **more,
        )

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        client = self._client(state)
        found = call_or_none(lambda: client.describe_rule(Name=identifier), _NOT_FOUND)
        if found is None:
            return None
        tags = client.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]
        return {
            "arn": found["Arn"],
            "description": found.get("Description") or None,
            "eventBusName": found["EventBusName"],
            "eventPattern": found["EventPattern"],
            "name": found["Name"],
            "state": found["State"],
            "tagsAll": tags_from_api(tags),
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        client = self._client(state)
        call_or_none(lambda: client.delete_rule(Name=identifier), _NOT_FOUND)

    def _client(self, properties: Properties) -> Any:
        return self.account.client("events", self.region(properties))


class EventTarget(AwsResource):
    """`aws:cloudwatch/eventTarget:EventTarget`; its id is `<rule>-<target>`."""

    label = "EventBridge Target"
    input_schema = block(
        {
            "arn!": TEXT,
            "eventBusName": TEXT,
            "inputTransformer": block({"inputPaths": MapOf(TEXT), "inputTemplate!": TEXT}),
            "region": TEXT,
            "rule!": TEXT,
            "targetId": TEXT,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        matches("targetId", r"[.\w-]{1,64}", "have 1 to 64 letters, digits and . - _"),
        length("inputTransformer.inputTemplate", 8192, 1),
        one_of("eventBusName", _DEFAULT_BUS),
    )
    defaults: ClassVar[Properties] = {"eventBusName": _DEFAULT_BUS}
    unmodelled = frozenset(
        {
            "appsyncTarget",
            "batchTarget",
            "deadLetterConfig",
            "ecsTarget",
            "forceDestroy",
            "httpTarget",
            "input",
            "inputPath",
            "kinesisTarget",
            "redshiftTarget",
            "retryPolicy",
            "roleArn",
            "runCommandTargets",
            "sagemakerPipelineTarget",
            "sqsTarget",
        }
    )
    replaces = frozenset({"eventBusName", "rule", "targetId"})
    name_property = "targetId"

    def _create(self, inputs: Properties) -> str:
        identifier = f"{inputs['rule']}-{inputs['targetId']}"
        self._update(identifier, {}, inputs)
        return identifier

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        del identifier, state
        target: dict[str, Any] = {"Id": inputs["targetId"], "Arn": inputs["arn"]}
        if transformer := inputs.get("inputTransformer"):
            target["InputTransformer"] = {
                "InputPathsMap": transformer.get("inputPaths") or {},
                "InputTemplate": transformer["inputTemplate"],
            }
        self._client(inputs).put_targets(Rule=inputs["rule"], Targets=[target])

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        client = self._client(state)
        for rule in self._possible_rules(identifier, state):
            found = call_or_none(lambda name=rule: client.list_targets_by_rule(Rule=name), _NOT_FOUND)
            for target in found["Targets"] if found else ():
                if f"{rule}-{target['Id']}" == identifier:
                    return _describe_target(rule, target)
        return None

    def _delete(self, identifier: str, state: Properties) -> None:
        if (found := self._read(identifier, state)) is not None:
            self._client(state).remove_targets(Rule=found["rule"], Ids=[found["targetId"]])

    def _possible_rules(self, identifier: str, state: Properties) -> list[str]:
        """Return the rules that an id may name: both parts may have hyphens."""
        if state.get("rule"):
            return [state["rule"]]
        return [identifier[:index] for index, letter in enumerate(identifier) if letter == "-"]

    def _client(self, properties: Properties) -> Any:
        return self.account.client("events", self.region(properties))


def _describe_target(rule: str, target: dict[str, Any]) -> Properties:
    transformer = target.get("InputTransformer")
    return {
        "arn": target["Arn"],
        "eventBusName": _DEFAULT_BUS,
        "inputTransformer": transformer
        and {
            "inputPaths": transformer.get("InputPathsMap") or None,
            "inputTemplate": transformer["InputTemplate"],
        },
        "rule": rule,
        "targetId": target["Id"],
    }
