"""Where moto's KMS differs from AWS: it forgets how often a key is rotated."""

import json
from typing import Any

from moto.kms import responses
from moto.kms.responses import KmsResponse

_DEFAULT_PERIOD_DAYS = 365
_PERIOD = "rotation_period_days"


class Responses(KmsResponse):
    """KMS's protocol with rotation periods."""

    def enable_key_rotation(self) -> str:
        answer = super().enable_key_rotation()
        self._attributes()[_PERIOD] = self._get_param("RotationPeriodInDays", _DEFAULT_PERIOD_DAYS)
        return answer

    def get_key_rotation_status(self) -> str:
        status = json.loads(super().get_key_rotation_status())
        if status["KeyRotationEnabled"]:
            status["RotationPeriodInDays"] = self._attributes()[_PERIOD]
        return json.dumps(status)

    def _attributes(self) -> dict[str, Any]:
        keys = self.kms_backend.keys
        return vars(keys[self.kms_backend.get_key_id(self._get_param("KeyId"))])


def correct_kms() -> None:
    """Make moto use this class; call it before the first request to KMS."""
    responses.KmsResponse = Responses
