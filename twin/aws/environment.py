"""The credentials of the environment, where it names this twin as AWS: a role's session, as a job has one."""

import os
from typing import Final, NamedTuple

from twin.host.home import TwinHome

CONFIG_VARIABLE: Final = "AWS_CONFIG_FILE"


class EnvironmentKey(NamedTuple):
    """An access key, and the token of its session if it has one."""

    id: str
    secret: str
    token: str


def find_environment_key(home: TwinHome) -> EnvironmentKey | None:
    """Return them; None where the environment has none, or names another AWS."""
    if os.environ.get("AWS_ENDPOINT_URL") != f"http://127.0.0.1:{home.port('aws')}":
        return None
    key, secret, token = (
        os.environ.get(name, "")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    )
    return EnvironmentKey(key, secret, token) if key and secret else None
