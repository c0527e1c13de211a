"""One configured provider: its region, its default tags, and botocore clients of the twin's AWS service."""

import json
import os
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from core.state_folder import HOME_VARIABLE
from twin.aws.administrator import ACCOUNT, ACCOUNTS, administrator_key
from twin.aws.environment import CONFIG_VARIABLE, find_environment_key
from twin.aws.provider.creations import AwsCallError, Creations
from twin.host.home import TwinHome
from twin.provider.server import StandInError
from twin.provider.values import UNKNOWN, Properties

_SESSION_NAME = "twin"
_CONFLICT_ATTEMPTS = 25
"""Source: https://github.com/hashicorp/terraform-provider-aws/issues/36873."""

_CONFLICT_SECONDS = 0.1
_ROLE_ARN = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):role/.+")


class Account:
    """The account of a configured provider; all threads share one client per service and region."""

    def __init__(self, configuration: Properties) -> None:
        settings = {name: _decode_input(value) for name, value in configuration.items()}
        self.region: str = settings.get("region") or os.environ.get("AWS_REGION") or ""
        if not self.region and "region" not in settings:
            raise StandInError("aws: set the provider's region, or `aws:region` in the stack's settings.")
        self.default_tags: dict[str, str] = (settings.get("defaultTags") or {}).get("tags") or {}
        roles: list[dict[str, str]] = settings.get("assumeRoles") or []
        self._role = roles[-1].get("roleArn") if roles else None
        self._profile: str = settings.get("profile") or ""
        self._signed_in = _find_profiles_account(settings)
        self.id = _find_account_id(self._role) or self._signed_in
        _check_account(self.id, settings)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._session: Any = None
        self._creations: Creations | None = None
        self._credentials: dict[str, str] = {}

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the botocore client of a service, the same one at every call."""
        key = (service, region or self.region or "us-east-1")
        if key not in self._clients:
            with self._lock:
                if key not in self._clients:
                    self._clients[key] = self._create_client(*key, self._get_credentials())
        return self._clients[key]

    @property
    def creations(self) -> Creations:
        """The record of unconfirmed creations, which all providers of the twin share."""
        with self._lock:
            self._creations = self._creations or Creations(_home())
            return self._creations

    def _get_credentials(self) -> dict[str, str]:
        """Return the key that signs in, or a session of the configured role: its account then owns all."""
        if not self._credentials:
            own = self._sign_in()
            self._credentials = self._assume_role(own, self._role) if self._role else own
        return self._credentials

    def _sign_in(self) -> dict[str, str]:
        """Return the environment's credentials for this twin, or else an administrator's key."""
        given = find_environment_key(_home())
        if given and not self._profile:
            return _describe_key(*given)
        if given and os.environ.get(CONFIG_VARIABLE):
            return _sign_in_by_profile(self._profile)
        return _describe_key(*administrator_key(_home(), self._signed_in))

    def _assume_role(self, credentials: dict[str, str], role: str) -> dict[str, str]:
        sts = self._create_client("sts", "us-east-1", credentials)
        with translate_errors(f"assuming {role}"):
            session = sts.assume_role(RoleArn=role, RoleSessionName=_SESSION_NAME)["Credentials"]
        return {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }

    def _create_client(self, service: str, region: str, credentials: dict[str, str]) -> Any:
        import botocore.session  # noqa: PLC0415 - slow to import, and a preview does not need it
        from botocore.config import Config  # noqa: PLC0415 - slow to import, and a preview does not need it

        if self._session is None:
            self._session = botocore.session.Session(_SESSION_VARIABLES)
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=16,
            retries={"mode": "standard", "total_max_attempts": 3},
            proxies={},
            s3={"addressing_style": "path"},
        )
        client = self._session.create_client(
            service,
            region_name=region,
            endpoint_url=_endpoint(),
            config=config,
            **credentials,  # pyrefly: ignore[bad-argument-type] - three of its strings
        )
        client.meta.events.register("needs-retry.s3", _repeat_conflict)  # pyrefly: ignore[bad-argument-type] - a pause is what this event asks for
        return client


def _repeat_conflict(response: tuple[Any, dict[str, Any]] | None, attempts: int, **_: Any) -> float | None:
    """Return the pause after which a conflicting setting of a bucket is repeated, as the provider does."""
    code = response[1].get("Error", {}).get("Code") if response else None
    return _CONFLICT_SECONDS if code == "OperationAborted" and attempts < _CONFLICT_ATTEMPTS else None


_SESSION_VARIABLES = {
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "profile": (None, None, None, None),
}
"""
botocore's variables (name in file, name in environment, default, conversion), without the user's settings.
"""


@contextmanager
def translate_errors(action: str) -> Generator[None]:
    """Raise AWS's errors as one line: the action that was tried, AWS's error code and its message."""
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError  # noqa: PLC0415 - slow to import, and a preview does not need it

    try:
        yield
    except ClientError as error:
        raise AwsCallError(action, _error_code(error), _error_body(error).get("Message", "")) from error
    except EndpointConnectionError as unreachable:
        raise StandInError(
            f"{action}: the twin's AWS service does not answer at {_endpoint()}; `./bulwark up` starts it."
        ) from unreachable
    except BotoCoreError as invalid:
        raise StandInError(f"{action}: {invalid}") from invalid


def call_or_none(call: Callable[[], Any], *absent_codes: str) -> Any:
    """Return the response of `call`; None for an error with one of the codes that mean there is nothing."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - slow to import, and a preview does not need it

    try:
        return call()
    except ClientError as error:
        if _error_code(error) in absent_codes:
            return None
        raise


def _error_body(error: Any) -> dict[str, str]:
    return error.response.get("Error", {})


def _error_code(error: Any) -> str:
    return _error_body(error).get("Code", "Unknown")


def _endpoint() -> str:
    return f"http://127.0.0.1:{_home().port('aws')}"


def _home() -> TwinHome:
    if HOME_VARIABLE not in os.environ:
        raise StandInError(f"{HOME_VARIABLE} is not set: run this stack with ./bulwark.")
    return TwinHome.from_environment()


def _decode_input(value: Any) -> Any:
    """Decode an input of the provider, which the SDK sends as JSON text unless it is a string."""
    if value is UNKNOWN:
        return None
    if isinstance(value, str) and value[:1] in {"[", "{", "t", "f"}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _describe_key(key: str, secret: str, token: str = "") -> dict[str, str]:
    """Return the arguments of a botocore client."""
    session = {"aws_session_token": token} if token else {}
    return {"aws_access_key_id": key, "aws_secret_access_key": secret, **session}


def _sign_in_by_profile(profile: str) -> dict[str, str]:
    """Return the credentials of a profile of the environment's AWS configuration, as AWS's own tools do."""
    import botocore.session  # noqa: PLC0415 - slow to import, and a preview does not need it

    with translate_errors(f"signing in as the profile {profile}"):
        found = botocore.session.Session(profile=profile).get_credentials()
        key = found.get_frozen_credentials() if found else None
        if not key or not key.access_key or not key.secret_key:
            raise StandInError(f"aws: the profile {profile} has no credentials.")
        return _describe_key(key.access_key, key.secret_key, key.token or "")


def _find_profiles_account(settings: Properties) -> str:
    """
    Return the account that the provider signs in to.

    A profile signs in to the one account that the provider is bound to: as what the environment's AWS
    configuration says, if that names this twin, or else as the administrator.
    """
    if not settings.get("profile"):
        return ACCOUNT
    match settings.get("allowedAccountIds"):
        case [str(account)] if account in ACCOUNTS:
            return account
        case _:
            raise StandInError(
                f"aws: {settings['profile']} signs in to no account of the twin; name one of "
                f"{', '.join(ACCOUNTS)} in allowedAccountIds."
            )


def _find_account_id(role: str | None) -> str | None:
    if role is None:
        return None
    match = _ROLE_ARN.fullmatch(role)
    if match is None:
        raise StandInError(f"assumeRoles: {role!r} is no ARN of a role")
    return match[1]


def _check_account(account: str, settings: Properties) -> None:
    allowed: list[str] = settings.get("allowedAccountIds") or [account]
    forbidden: list[str] = settings.get("forbiddenAccountIds") or []
    if account not in allowed or account in forbidden:
        raise StandInError(f"AWS account ID not allowed: {account}")
