"""
Subscriptions of SNS that wait for their confirmation; for moto each is confirmed from the beginning.

A mailbox or an HTTP receiver gets a message that asks for it, and no other before. On the twin whoever takes
that message has confirmed; an endpoint that refuses it, or does not answer, stays pending.

Source: https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

import json
import uuid
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.sns import responses
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription, sns_backends
from moto.sns.responses import SNSResponse

from twin.aws.notifications import Notification

_ASKED: Final = ("email", "http", "https")
"""The protocols whose endpoints are asked; others belong to the account, or are not on the twin."""

_PENDING: Final = "PendingConfirmation"


class AskingSnsBackend(SNSBackend):
    """SNS that asks an endpoint whether it wants to be subscribed."""

    @property
    def _url_module(self) -> Any:
        """Return moto's addresses, which moto looks for beside the class."""
        return import_module("moto.sns.urls")

    def subscribe(self, topic_arn: str, endpoint: str, protocol: str) -> Subscription:
        known = set(self.subscriptions)
        subscription = super().subscribe(topic_arn, endpoint, protocol)
        if protocol in _ASKED and subscription.arn not in known:
            subscription.attributes |= {_PENDING: True, "ConfirmationWasAuthenticated": False}
        if is_pending(subscription):
            _to_ask.append(subscription)  # again, if somebody subscribes it again
        return subscription

    def unsubscribe(self, subscription_arn: str) -> None:
        known = self.subscriptions.get(subscription_arn)
        if known and is_pending(known):
            raise SNSInvalidParameter("Cannot unsubscribe a subscription that is pending confirmation")
        super().unsubscribe(subscription_arn)


class SnsResponses(SNSResponse):
    """SNS's protocol with subscriptions that are pending."""

    def subscribe(self) -> ActionResult:
        response = super().subscribe()
        subscription = self.backend.subscriptions[_result(response)["SubscriptionArn"]]
        if is_pending(subscription) and str(self._get_param("ReturnSubscriptionArn")).lower() != "true":
            return ActionResult({"SubscriptionArn": "pending confirmation"})
        return response

    def list_subscriptions(self) -> ActionResult:
        return _hide_pending(super().list_subscriptions())

    def list_subscriptions_by_topic(self) -> ActionResult:
        return _hide_pending(super().list_subscriptions_by_topic())


def patch_moto_sns() -> None:
    """Replace parts of moto's SNS with these; call it before the first request to SNS."""
    responses.SNSResponse = SnsResponses
    sns_backends.backend = AskingSnsBackend


def is_pending(subscription: Subscription) -> bool:
    return bool(subscription.attributes.get(_PENDING))


def confirm(arn: str) -> None:
    """Confirm the subscription with an ARN; one that is gone meanwhile stays gone."""
    for subscription in _list_all():
        if subscription.arn == arn:
            subscription.attributes |= {_PENDING: False, "ConfirmationWasAuthenticated": True}


def take_questions() -> list[Notification]:
    """Return the messages to the endpoints that were subscribed since the last call."""
    asked = [_ask(subscription) for subscription in _to_ask]
    _to_ask.clear()
    return asked


def repeat_questions() -> Iterator[Notification]:
    """Yield the messages to all endpoints that are pending: those of a service that was killed."""
    yield from (_ask(each) for each in _list_all() if is_pending(each))


_to_ask: list[Subscription] = []


def _list_all() -> list[Subscription]:
    """Return the subscriptions of all accounts and regions."""
    backends = [backend for _, _, backend in sns_backends.iter_backends() if isinstance(backend, SNSBackend)]
    return [each for backend in backends for each in backend.subscriptions.values()]


def _ask(subscription: Subscription) -> Notification:
    text = f"You have chosen to subscribe to the topic {subscription.topic_arn}."
    asks = {
        "Type": "SubscriptionConfirmation",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": subscription.topic_arn,
        "Message": text,
    }
    mail = {"subject": "AWS Notification - Subscription Confirmation", "text": text}
    body = json.dumps(mail if subscription.protocol == "email" else asks)
    return Notification(subscription.protocol, subscription.endpoint, body, confirms=subscription.arn)


def _hide_pending(response: ActionResult) -> ActionResult:
    """Leave the ARNs of pending subscriptions out of a list, as SNS does."""
    result = _result(response)
    rows = [
        {
            "Endpoint": each.endpoint,
            "Owner": each.owner,
            "Protocol": each.protocol,
            "SubscriptionArn": _PENDING if is_pending(each) else each.arn,
            "TopicArn": each.topic_arn,
        }
        for each in result["Subscriptions"]
    ]
    return ActionResult({**result, "Subscriptions": rows})


def _result(response: ActionResult) -> dict[str, Any]:
    result: Any = response.result
    return result
