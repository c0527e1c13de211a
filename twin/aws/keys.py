"""Corrections of moto's KMS: it has no rotation periods, creates keys slowly, and fails on some ARNs."""

import json
from importlib import import_module
from typing import Any

from moto.kms import models, responses
from moto.kms.exceptions import ValidationException
from moto.kms.models import KmsBackend, kms_backends
from moto.kms.responses import KmsResponse
from moto.kms.utils import AbstractPrivateKey, generate_private_key

_DEFAULT_PERIOD_DAYS = 365
_PERIOD = "rotation_period_days"
_PENDING_DAYS = range(7, 31)


class CheckedKmsBackend(KmsBackend):
    """KMS that takes a key's ARN for the id wherever AWS does, and checks the days before a deletion."""

    @property
    def _url_module(self) -> Any:
        """Return moto's addresses, which moto looks for beside the class."""
        return import_module("moto.kms.urls")

    def disable_key(self, key_id: str) -> None:
        super().disable_key(self.get_key_id(key_id))

    def enable_key(self, key_id: str) -> None:
        super().enable_key(self.get_key_id(key_id))

    def cancel_key_deletion(self, key_id: str) -> None:
        super().cancel_key_deletion(self.get_key_id(key_id))

    def schedule_key_deletion(self, key_id: str, pending_window_in_days: int) -> float:
        if pending_window_in_days not in _PENDING_DAYS:
            raise ValidationException("PendingWindowInDays must be 7 to 30")
        return super().schedule_key_deletion(self.get_key_id(key_id), pending_window_in_days)


class KmsResponses(KmsResponse):
    """KMS's protocol with rotation periods."""

    def enable_key_rotation(self) -> str:
        response = super().enable_key_rotation()
        self._attributes()[_PERIOD] = self._get_param("RotationPeriodInDays", _DEFAULT_PERIOD_DAYS)
        return response

    def get_key_rotation_status(self) -> str:
        status = json.loads(super().get_key_rotation_status())
        if status["KeyRotationEnabled"]:
            status["RotationPeriodInDays"] = self._attributes().get(_PERIOD, _DEFAULT_PERIOD_DAYS)
        return json.dumps(status)

    def _attributes(self) -> dict[str, Any]:
        keys = self.kms_backend.keys
        return vars(keys[self.kms_backend.get_key_id(self._get_param("KeyId"))])


def patch_moto_kms() -> None:
    """Replace parts of moto's KMS with these; call it before the first request to KMS."""
    responses.KmsResponse = KmsResponses
    kms_backends.backend = CheckedKmsBackend
    models.__dict__["generate_private_key"] = _generate_private_key


def _generate_private_key(spec: str) -> AbstractPrivateKey | None:
    """Return None for a symmetric key, where moto generates an unused RSA key in a tenth of a second."""
    return None if spec == "SYMMETRIC_DEFAULT" else generate_private_key(spec)
