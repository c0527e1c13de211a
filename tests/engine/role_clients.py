"""Clients of the twin's AWS that act as one of the stack's roles, with credentials as a job gets them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore import UNSIGNED
from botocore.config import Config

from recovery.vault.aws_session import open_session
from twin.aws import second_factor
from twin.aws.administrator import administrator_key
from twin.aws.issuer import issue_token
from twin.host.home import TwinHome

ACCOUNT, THERE = "123456789012", "210987654321"
ENVIRONMENTS = {
    "backup-writer": "backup",
    "state-writer": "state",
    "backup-restorer": "restore",
    "driller": "drill",
    "state-driller": "state-drill",
    "copier": "elsewhere",
    "planner": "plan",
    "deployer": "production",
    "replica-restorer": "restore",
}
"""Role -> the GitHub environment whose jobs may assume it."""
REPOSITORY = "example@123456/platform@456789"
"""The repository of both stacks, as the subject of its tokens names it."""


@dataclass(frozen=True)
class AwsIdentity:
    """The administrator or a role's session, by its credentials."""

    home: TwinHome
    credentials: tuple[tuple[str, str], ...]

    def client(self, service: str, region: str = "eu-west-1") -> Any:
        return _client(self.home, service, region, self.credentials)


def subject(environment: str, repository: str = REPOSITORY) -> str:
    return f"repo:{repository}:environment:{environment}"


def administrator(home: TwinHome, account: str = ACCOUNT) -> AwsIdentity:
    key = administrator_key(home, account)
    return AwsIdentity(home, (("aws_access_key_id", key.id), ("aws_secret_access_key", key.secret)))


def assume_role(
    home: TwinHome,
    name: str,
    *,
    platform: str = "example",
    token: str = "",
    **options: Any,
) -> AwsIdentity:
    """Assume a role of the platform with a token of its repository and environment, or with another one."""
    token = token or issue_token(home, subject=subject(ENVIRONMENTS[name]))
    session = _client(home, "sts", "eu-west-1", ()).assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{THERE if name.startswith('replica-') else ACCOUNT}:role/{platform}-{name}",
        RoleSessionName="trial",
        WebIdentityToken=token,
        **options,
    )["Credentials"]
    return _identity_of(home, session)


def break_glass(home: TwinHome, account: str = ACCOUNT, *, platform: str = "example") -> AwsIdentity:
    """Take break-glass on as the administrator of its account, with the second factor."""
    # Its trust demands an endpoint of STS whose calls raise an alarm.
    sts = administrator(home, account).client("sts", "eu-west-1" if account == ACCOUNT else "eu-north-1")
    session = sts.assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{platform}-break-glass",
        RoleSessionName="person",
        SerialNumber=second_factor.serial_number(account),
        TokenCode=second_factor.show_code(home),
    )["Credentials"]
    return _identity_of(home, session)


def job_environment(home: TwinHome, role: str, *, platform: str = "example-twin") -> dict[str, Any]:
    """Return the environment of a job that has taken a role on."""
    return environment_of(assume_role(home, role, platform=platform))


def environment_of(identity: AwsIdentity) -> dict[str, str]:
    """Return the environment of who has these credentials for the twin."""
    session = {name.upper(): value for name, value in identity.credentials}
    address = f"http://127.0.0.1:{identity.home.port('aws')}"
    return {**session, "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": address}


@contextmanager
def hidden_state(home: TwinHome, stack: str = "local") -> Generator[None]:
    """Take the state of a stack away meanwhile."""
    state = home.state / ".pulumi" / "stacks" / "bulwark" / f"{stack}.json"
    hidden = state.with_name("hidden")
    state.rename(hidden)
    try:
        yield
    finally:
        hidden.rename(state)


def _identity_of(home: TwinHome, session: dict[str, str]) -> AwsIdentity:
    return AwsIdentity(
        home,
        (
            ("aws_access_key_id", session["AccessKeyId"]),
            ("aws_secret_access_key", session["SecretAccessKey"]),
            ("aws_session_token", session["SessionToken"]),
        ),
    )


@cache
def _client(home: TwinHome, service: str, region: str, credentials: tuple[tuple[str, str], ...]) -> Any:
    config = Config(
        retries={"total_max_attempts": 1},
        proxies={},
        s3={"addressing_style": "path"},
        signature_version=None if credentials else UNSIGNED,
    )
    keys: dict[str, Any] = dict(credentials)
    address = f"http://127.0.0.1:{home.port('aws')}"
    return open_session().create_client(
        service, region_name=region, endpoint_url=address, config=config, **keys
    )
