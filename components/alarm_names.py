"""What the alarms of an account and region are called, and how policies name them before they exist."""

from dataclasses import dataclass
from typing import Final

GLOBAL_REGION: Final = "us-east-1"
"""Where AWS records calls to IAM and to STS's global endpoint (CloudTrail, "Global service events")."""

ANY_REGION: Final = "*"
"""As a region: the ARNs are patterns for those of all regions."""


@dataclass(frozen=True)
class AlarmNames:
    """The names of the topic, the rules and the trail of a platform in one account and region."""

    platform: str
    account: str
    region: str

    @property
    def topic(self) -> str:
        return f"{self.platform}-alarms"

    @property
    def topic_arn(self) -> str:
        """The ARN of the topic; its subscriptions' ARNs begin with it."""
        return f"arn:aws:sns:{self.region}:{self.account}:{self.topic}"

    @property
    def losses(self) -> str:
        """Name of the rule about what precedes a loss."""
        return f"{self.platform}-alarms-losses"

    @property
    def watch(self) -> str:
        """Name of the rule about roles, and about what turns alarms off."""
        return f"{self.platform}-alarms-watch"

    def rule_arn(self, name: str) -> str:
        return f"arn:aws:events:{self.region}:{self.account}:rule/{name}"

    @property
    def trail(self) -> str:
        return f"{self.platform}-trail"

    @property
    def trail_arn(self) -> str:
        return f"arn:aws:cloudtrail:{self.region}:{self.account}:trail/{self.trail}"
