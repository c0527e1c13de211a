"""The errors that the twin's AWS answers with."""

from typing import Final

JSON_SERVICES: Final = frozenset(("cloudtrail", "events", "kms", "secretsmanager"))
"""Services whose requests and errors are JSON; the others' are forms and XML."""


class AwsServiceError(Exception):
    """An error that AWS would answer a request with."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
