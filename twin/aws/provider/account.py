"""One configured provider: its region, its tags, and clients of nothing but the twin's AWS service."""

import json
import os
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from twin.aws.provider.creations import Creations, RefusedError
from twin.host.home import HOME_VARIABLE, TwinHome
from twin.provider.server import StandInError
from twin.provider.values import UNKNOWN, Properties

ACCOUNT_ID = "123456789012"
"""The twin's own AWS account (moto's default)."""

_DUMMY = "twin"  # what moto takes for a credential; the twin needs none
_ROLE_ARN = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):role/.+")


class Account:
    """Clients are made once for each service and region, and shared by all threads."""

    def __init__(self, configuration: Properties) -> None:
        settings = {name: _decoded(value) for name, value in configuration.items()}
        self.region: str = settings.get("region") or os.environ.get("AWS_REGION") or ""
        if not self.region and "region" not in settings:
            raise StandInError("aws: set the provider's region, or `aws:region` in the stack's settings.")
        self.default_tags: dict[str, str] = (settings.get("defaultTags") or {}).get("tags") or {}
        roles: list[dict[str, str]] = settings.get("assumeRoles") or []
        self._role = roles[-1].get("roleArn") if roles else None
        self.id = _account_of(self._role)
        _demand_account(self.id, settings)
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = threading.Lock()
        self._session: Any = None
        self._creations: Creations | None = None
        self._credentials = {"aws_access_key_id": _DUMMY, "aws_secret_access_key": _DUMMY}

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the botocore client of a service; it stays the same."""
        where = region or self.region or "us-east-1"
        key = (service, where)
        if key not in self._clients:
            with self._making:
                if key not in self._clients:
                    self._assume_role()
                    self._clients[key] = self._client(*key)
        return self._clients[key]

    @property
    def creations(self) -> Creations:
        """The notes about creations under way, shared by all providers of the twin."""
        with self._making:
            self._creations = self._creations or Creations(_home())
            return self._creations

    def _assume_role(self) -> None:
        """Take on the configured role, whose account is then where everything happens."""
        if self._role and "aws_session_token" not in self._credentials:
            sts = self._client("sts", "us-east-1")
            with told(f"assuming {self._role}"):
                given = sts.assume_role(RoleArn=self._role, RoleSessionName=_DUMMY)["Credentials"]
            self._credentials = {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"],
            }

    def _client(self, service: str, region: str) -> Any:
        import botocore.session  # noqa: PLC0415 - slow, and previews need it not
        from botocore.config import Config  # noqa: PLC0415 - slow, and previews need it not

        if self._session is None:
            self._session = botocore.session.Session(_ISOLATED)
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=16,
            retries={"mode": "standard", "total_max_attempts": 3},
            proxies={},
            s3={"addressing_style": "path"},
        )
        return self._session.create_client(
            service, region_name=region, endpoint_url=_endpoint(), config=config, **self._credentials
        )


_ISOLATED = {
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "profile": (None, None, None, None),
}
"""botocore's variables (name in file, in environment, default, conversion), cut off from the user's."""


@contextmanager
def told(doing: str) -> Generator[None]:
    """Turn AWS's refusals into one line that says what was tried, AWS's code and its message."""
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError  # noqa: PLC0415 - slow, and previews need it not

    try:
        yield
    except ClientError as refused:
        raise RefusedError(doing, _code(refused), _error(refused).get("Message", "")) from refused
    except EndpointConnectionError as unreachable:
        raise StandInError(
            f"{doing}: the twin's AWS service does not answer at {_endpoint()}; `./bulwark up` starts it."
        ) from unreachable
    except BotoCoreError as invalid:
        raise StandInError(f"{doing}: {invalid}") from invalid


def answer(call: Callable[[], Any], *absent: str) -> Any:
    """Return what `call` answers, None for the error codes that mean there is nothing."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow, and previews need it not

    try:
        return call()
    except ClientError as refused:
        if _code(refused) in absent:
            return None
        raise


def _error(refused: Any) -> dict[str, str]:
    return refused.response.get("Error", {})


def _code(refused: Any) -> str:
    return _error(refused).get("Code", "Unknown")


def _endpoint() -> str:
    return f"http://127.0.0.1:{_home().port('aws')}"


def _home() -> TwinHome:
    if HOME_VARIABLE not in os.environ:
        raise StandInError(f"{HOME_VARIABLE} is not set: run this stack with ./bulwark.")
    return TwinHome.from_environment()


def _decoded(value: Any) -> Any:
    """Read a provider's input, which the SDK sends as JSON text unless it is a string."""
    if value is UNKNOWN:
        return None
    if isinstance(value, str) and value[:1] in {"[", "{", "t", "f"}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _account_of(role: str | None) -> str:
    if role is None:
        return ACCOUNT_ID
    found = _ROLE_ARN.fullmatch(role)
    if found is None:
        raise StandInError(f"assumeRoles: {role!r} is no ARN of a role")
    return found[1]


def _demand_account(account: str, settings: Properties) -> None:
    allowed: list[str] = settings.get("allowedAccountIds") or [account]
    forbidden: list[str] = settings.get("forbiddenAccountIds") or []
    if account not in allowed or account in forbidden:
        raise StandInError(f"AWS account ID not allowed: {account}")
