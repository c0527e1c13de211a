"""Where AWS's alarms arrive: the channels that SNS reaches by itself."""

from dataclasses import dataclass, field
from typing import Literal

import pulumi


@dataclass(frozen=True)
class AlarmEndpoint:
    """A mailbox, or the address of an HTTP receiver that confirms SNS's subscription."""

    name: str
    protocol: Literal["email"] | pulumi.Input[str]
    """`email`, or the scheme of the address."""

    address: pulumi.Input[str] = field(repr=False)
