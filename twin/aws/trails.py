"""
Corrections of moto's CloudTrail: basic selectors replace advanced ones, and a delivery may fail.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html and
API_GetTrailStatus.html
"""

import json
from importlib import import_module
from typing import Any

from moto.cloudtrail import responses
from moto.cloudtrail.models import CloudTrailBackend, Trail, cloudtrail_backends
from moto.cloudtrail.responses import CloudTrailResponse

from twin.aws.evaluation import find_bucket
from twin.aws.policy import allows_service_put

SERVICE = "cloudtrail.amazonaws.com"


class DeliveringCloudTrailBackend(CloudTrailBackend):
    """CloudTrail whose trails have selectors of one form."""

    @property
    def _url_module(self) -> Any:
        """Return moto's addresses, which moto looks for beside the class."""
        return import_module("moto.cloudtrail.urls")

    def put_event_selectors(
        self,
        trail_name: str,
        event_selectors: list[dict[str, Any]],
        advanced_event_selectors: list[dict[str, Any]],
    ) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
        if event_selectors:
            self.get_trail(trail_name).advanced_event_selectors = []
        return super().put_event_selectors(trail_name, event_selectors, advanced_event_selectors)


class CloudTrailResponses(CloudTrailResponse):
    """CloudTrail's protocol with the error of the latest delivery."""

    def get_trail_status(self) -> str:
        status = json.loads(super().get_trail_status())
        name = self._get_param("Name")
        trails = self.cloudtrail_backend.describe_trails(include_shadow_trails=True)
        trail = next(trail for trail in trails if name in {trail.trail_name, trail.arn})
        error = find_delivery_error(trail)
        return json.dumps(status | ({"LatestDeliveryError": error} if error else {}))


def patch_moto_cloudtrail() -> None:
    """Replace parts of moto's CloudTrail with these; call it before the first request to CloudTrail."""
    responses.CloudTrailResponse = CloudTrailResponses
    cloudtrail_backends.backend = DeliveringCloudTrailBackend


def find_delivery_error(trail: Trail) -> str:
    """Return S3's error when CloudTrail writes to the trail's bucket; empty if it takes the record."""
    bucket = find_bucket(trail.bucket_name)
    if bucket is None:
        return "NoSuchBucket"
    policy = bucket.policy
    folder = f"arn:aws:s3:::{trail.bucket_name}/AWSLogs/{trail.account_id}/"
    allowed = policy and allows_service_put(policy.decode(), SERVICE, folder)
    return "" if allowed else "AccessDenied"
