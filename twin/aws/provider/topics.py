"""Topics of SNS, and subscriptions to them."""

from typing import Any, ClassVar

from twin.aws.provider.account import call_or_none
from twin.aws.provider.creations import AwsCallError
from twin.aws.provider.documents import normalize_document, policy_document, to_json
from twin.aws.provider.resource_type import AwsResource
from twin.aws.provider.wire import DOCUMENT, FLAG, TAGS, TEXT, WHOLE, block, tags_from_api, tags_to_api
from twin.provider.rules import InputRule, at_most_one, each, length, matches, one_of
from twin.provider.values import Properties

_NOT_FOUND = ("NotFound", "NotFoundException")
_PROTOCOLS = (
    "application",
    "email",
    "email-json",
    "firehose",
    "http",
    "https",
    "lambda",
    "sms",
    "sqs",
)


class SnsTopic(AwsResource):
    """`aws:sns/topic:Topic`; its id is its ARN."""

    label = "SNS Topic"
    input_schema = block(
        {
            "displayName": TEXT,
            "name": TEXT,
            "namePrefix": TEXT,
            "policy": DOCUMENT,
            "region": TEXT,
            "tags": TAGS,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        matches("name", r"[\w-]{1,256}", "have 1 to 256 letters, digits and _ -"),
        at_most_one("", "name", "namePrefix"),
        length("displayName", 100),
        policy_document("policy", "key", 30_720),
    )
    computed = frozenset({"policy"})
    replaces = frozenset({"name"})
    outputs = ("arn", "owner")
    tagged = True
    name_property = "name"

    def normalize(self, name: str, value: Any) -> Any:
        return normalize_document(value) if name == "policy" else super().normalize(name, value)

    def _create(self, inputs: Properties) -> str:
        attributes = {"DisplayName": inputs.get("displayName"), "Policy": _document(inputs)}
        created = self._client(inputs).create_topic(
            Name=inputs["name"],
            Attributes={name: value for name, value in attributes.items() if value},
            Tags=tags_to_api(self.tags(inputs)),
        )
        return str(created["TopicArn"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        client = self._client(inputs)
        removed, tags = self.compare_tags(state, inputs)
        if removed:
            client.untag_resource(ResourceArn=identifier, TagKeys=removed)
        if tags:
            client.tag_resource(ResourceArn=identifier, Tags=tags_to_api(tags))
        changed = {"DisplayName": "displayName", "Policy": "policy"}
        for attribute, name in changed.items():
            if name in inputs and self._differs(name, inputs[name], state.get(name)):
                client.set_topic_attributes(
                    TopicArn=identifier, AttributeName=attribute, AttributeValue=to_json(inputs[name])
                )

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        client = self._client(state)
        found = call_or_none(lambda: client.get_topic_attributes(TopicArn=identifier), *_NOT_FOUND)
        if found is None:
            return None
        attributes = found["Attributes"]
        tags = client.list_tags_for_resource(ResourceArn=identifier)["Tags"]
        return {
            "arn": identifier,
            "displayName": attributes.get("DisplayName") or None,
            "name": identifier.rpartition(":")[2],
            "owner": attributes["Owner"],
            "policy": attributes["Policy"],
            "tagsAll": tags_from_api(tags),
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        client = self._client(state)
        call_or_none(lambda: client.delete_topic(TopicArn=identifier), *_NOT_FOUND)

    def _client(self, properties: Properties) -> Any:
        return self.account.client("sns", self.region(properties))


class SnsTopicSubscription(AwsResource):
    """
    `aws:sns/topicSubscription:TopicSubscription`; its id is its ARN.

    Its endpoint may still have to confirm it when it is there; one that never did stays until its topic goes.
    """

    label = "SNS Topic Subscription"
    input_schema = block(
        {
            "confirmationTimeoutInMinutes": WHOLE,
            "endpoint!": TEXT,
            "endpointAutoConfirms": FLAG,
            "protocol!": TEXT,
            "rawMessageDelivery": FLAG,
            "region": TEXT,
            "topic!": TEXT,
        }
    )
    rules: ClassVar[tuple[InputRule, ...]] = (
        one_of("protocol", *_PROTOCOLS),
        each("topic", lambda arn: arn.startswith("arn:"), "be the ARN of a topic"),
    )
    defaults: ClassVar[Properties] = {"confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": False}
    unmodelled = frozenset(
        {"deliveryPolicy", "filterPolicy", "filterPolicyScope", "redrivePolicy", "replayPolicy"}
    )
    replaces = frozenset({"endpoint", "protocol", "topic"})
    write_only = frozenset({"confirmationTimeoutInMinutes", "endpointAutoConfirms"})
    outputs = ("arn", "ownerId", "pendingConfirmation")

    def _create(self, inputs: Properties) -> str:
        protocol, endpoint = inputs["protocol"], inputs["endpoint"]
        if protocol in {"http", "https"} and not endpoint.startswith(f"{protocol}://"):
            raise AwsCallError(
                f"creating {self.label} ({inputs['topic']})",
                "InvalidParameter",
                "Invalid parameter: Endpoint must match the specified protocol",
            )
        created = self._client(inputs).subscribe(
            TopicArn=inputs["topic"],
            Protocol=protocol,
            Endpoint=endpoint,
            ReturnSubscriptionArn=True,
            Attributes=_raw(inputs),
        )
        return str(created["SubscriptionArn"])

    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        del state
        for name, value in _raw(inputs).items():
            self._client(inputs).set_subscription_attributes(
                SubscriptionArn=identifier, AttributeName=name, AttributeValue=value
            )

    def _read(self, identifier: str, state: Properties) -> Properties | None:
        client = self._client(state)
        found = call_or_none(
            lambda: client.get_subscription_attributes(SubscriptionArn=identifier), *_NOT_FOUND
        )
        if found is None:
            return None
        attributes = found["Attributes"]
        return {
            "arn": identifier,
            "endpoint": attributes["Endpoint"],
            "ownerId": attributes["Owner"],
            "pendingConfirmation": attributes["PendingConfirmation"] == "true",
            "protocol": attributes["Protocol"],
            "rawMessageDelivery": attributes["RawMessageDelivery"].lower() == "true",
            "topic": attributes["TopicArn"],
        }

    def _delete(self, identifier: str, state: Properties) -> None:
        if (found := self._read(identifier, state)) and not found["pendingConfirmation"]:
            self._client(state).unsubscribe(SubscriptionArn=identifier)

    def _client(self, properties: Properties) -> Any:
        return self.account.client("sns", self.region(properties))


def _raw(inputs: Properties) -> dict[str, str]:
    return {"RawMessageDelivery": "true" if inputs.get("rawMessageDelivery") else "false"}


def _document(inputs: Properties) -> str | None:
    return to_json(inputs["policy"]) if inputs.get("policy") else None
