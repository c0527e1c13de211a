"""Blocks of a recovery file that names the servers of the tests; `SECRETS` has its variables."""

from typing import Any
from urllib.parse import urlsplit

from drill_platform import application_command
from recovery_command import reference, without_password
from s3_server import KEY_ID, SECRET
from servers import PASSWORD
from vaults import ProxiedVault

KEY = reference("VAULT_KEY_ID", "VAULT_SECRET")
SECRETS = {"VAULT_KEY_ID": KEY_ID, "VAULT_SECRET": SECRET, "SHOP_PASSWORD": PASSWORD}


def database(url: str, role: str = "", **more: Any) -> dict[str, Any]:
    """Return the block of a database, with the drill's tests in `drill`."""
    address = urlsplit(without_password(url))
    user = role or address.username
    return {
        "type": "postgres",
        "url": address._replace(netloc=f"{user}@{address.hostname}:{address.port}").geturl(),
        "password": {"env": "SHOP_PASSWORD"},
        **more,
    }


def vault(of: ProxiedVault, **more: Any) -> dict[str, Any]:
    return {
        "primary": {
            "bucket": of.bucket,
            "region": "us-east-1",
            "endpoint": of.proxy.url,
            "credentials": KEY,
            **more,
        }
    }


def application(table: str) -> dict[str, Any]:
    """Return the block of an application that is healthy while it can count the rows of a table."""
    return {
        "command": application_command(table),
        "health": "http://127.0.0.1:{port}/health",
        "database_variable": "SHOP_DATABASE",
    }
