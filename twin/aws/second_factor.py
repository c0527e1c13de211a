"""
The second factor of the account's administrator: a virtual MFA device, which shows a code for 30 seconds.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_enable_virtual.html, RFC 6238. On
AWS a code is good for one request; on the twin for each until it ends.
"""

import hmac
import time
from typing import Final

from twin.host.home import TwinHome

_STEP_SECONDS: Final = 30
_DIGITS: Final = 6
_TOLERATED_STEPS: Final = (0, -1, 1)
"""Steps by which the device's clock may be wrong."""


def serial_number(account: str) -> str:
    """Return the serial number, an ARN, of the device of an account's administrator."""
    return f"arn:aws:iam::{account}:mfa/root-account-mfa-device"


def show_code(home: TwinHome, *, steps: int = 0) -> str:
    """Return the code that the device shows, or would show `steps` of 30 seconds from now."""
    counter = int(time.time()) // _STEP_SECONDS + steps
    mac = hmac.digest(bytes.fromhex(home.secret("aws-mfa-device")), counter.to_bytes(8), "sha1")
    at = mac[-1] & 0x0F
    number = int.from_bytes(mac[at : at + 4]) & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def accepts_code(home: TwinHome, code: str) -> bool:
    return any(hmac.compare_digest(code, show_code(home, steps=steps)) for steps in _TOLERATED_STEPS)
