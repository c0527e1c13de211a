"""Reads AWS as the stack's providers do: in their regions, and in the accounts that they sign in to."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core.failure import Failure
from recovery.vault.aws_session import open_session
from recovery.vault.client import AccessKey, error_code

_REFUSED: Final = frozenset(("AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation"))
_STEP: Final = "look as the role planner, which `./bulwark up` gives what this needs, and run this again."


class AwsAccess:
    """Clients for AWS's APIs. Each method raises Failure where a role can't be taken on."""

    def __init__(
        self,
        endpoint: str | None,
        *,
        find_key: Callable[[], AccessKey | None],
        find_replica_key: Callable[[], AccessKey | None],
        next_step: str = _STEP,
    ) -> None:
        """
        Ask for nothing yet.

        Args:
            endpoint: The address of all services; None is AWS's own.
            find_key: Returns the key of the primary account; None leaves it to the environment. Raises
                Failure.
            find_replica_key: The same for the account that the replica's provider signs in to.
            next_step: What to do where there are no credentials.
        """
        self._endpoint, self._next_step = endpoint, next_step
        self._session = cache(open_session)
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._find_key = cache(find_key)
        self._find_replica_key = cache(find_replica_key)

    def open_client(self, service: str, provider: Mapping[str, Any]) -> Any:
        """Return a client for the account and region of a provider, by its inputs."""
        region, replica = str(provider.get("region") or "us-east-1"), bool(provider.get("profile"))
        known = (service, region, replica)
        if known not in self._clients:
            key = self._find_replica_key() if replica else self._find_key()
            self._clients[known] = self._create(service, region, key)
        return self._clients[known]

    def _create(self, service: str, region: str, key: AccessKey | None) -> Any:
        with explain_errors(f"opening {service}", next_step=self._next_step):
            return self._session().create_client(
                service,
                region_name=region,
                endpoint_url=self._endpoint,
                aws_access_key_id=key.id if key else None,
                aws_secret_access_key=key.secret if key else None,
                aws_session_token=(key.token or None) if key else None,
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": 3},
                    connect_timeout=10,
                    read_timeout=30,
                    proxies={} if self._endpoint else None,
                    s3={"addressing_style": "path" if self._endpoint else "virtual"},
                ),
            )


@contextmanager
def explain_errors(doing: str, *, next_step: str = _STEP) -> Generator[None]:
    """Raise Failure for an error of botocore; its text, which may hold an address, is left out."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        cause = "may not be done with these credentials" if code in _REFUSED else f"was answered with {code}"
        raise Failure(f"AWS: {doing} {cause} ({error.operation_name}).", next_step) from None
    except BotoCoreError as error:
        raise Failure(
            f"AWS: {doing} failed: no answer, or no credentials to ask with ({type(error).__name__}).",
            next_step,
        ) from None
