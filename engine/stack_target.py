"""
A stack and where it lives: at the vendors, or on the twin.

Everything that differs between the two is asked of the target: addresses, credentials, the engine's
environment, and who else may be at work. Nothing else decides by it.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from components import secrets
from components.github_oidc import OIDC_ISSUER
from components.guard import (
    REPLICA_DRILLER,
    REPLICA_READER,
    REPLICA_RESTORER,
    SESSION_SECONDS,
    role_arn,
)
from components.settings import PROJECT, Settings, SettingsError
from components.settings.backups import ELSEWHERE_KEY
from components.settings.drill import name_keys
from core.failure import Failure
from engine import stack_file
from engine.program import PLATFORM, Program
from toolchain.engine import search_path
from toolchain.providers import needs_checked_cli, plugin_environment

if TYPE_CHECKING:
    import ssl

    import pulumi.automation as auto
    from rich.console import Console

    from components.settings import ElsewhereSettings
    from recovery.attestation import IssueToken
    from recovery.drill.neon_account import NeonKeys
    from recovery.vault.client import AccessKey
    from twin.services import ServiceStatus

Location = Literal["vendors", "twin"]
ProviderKind = Literal["stand-in", "real"]
AwsRole = Literal[
    "writer", "state-writer", "restorer", "driller", "state-driller", "copier", "planner", "deployer"
]
"""Role that a command takes on: one that uses the vaults, or the one that looks at the stack."""

ReplicaRole = Literal["restorer", "driller", "planner"]
"""The same in the account of the replica, where nothing is written."""

_REPLICA_ROLES: Final[Mapping[ReplicaRole, str]] = {
    "restorer": REPLICA_RESTORER,
    "driller": REPLICA_DRILLER,
    "planner": REPLICA_READER,
}
"""Role -> its name at IAM after the platform's, in the replica's account."""

ApiVendor = Literal["neon", "uptimerobot", "sentry", "pagerduty", "railway", "vercel"]

_API_URLS: Final[Mapping[ApiVendor, str]] = {
    "neon": "https://console.neon.tech/api/v2",
    "uptimerobot": "https://api.uptimerobot.com/v3",
    "sentry": "https://sentry.io/api/",
    "pagerduty": "https://api.pagerduty.com",
    "railway": "https://backboard.railway.com",
    "vercel": "https://api.vercel.com",
}
API_URL_VARIABLES: Final[Mapping[ApiVendor, str]] = {
    "uptimerobot": "UPTIMEROBOT_API_URL",
    "sentry": "SENTRY_BASE_URL",
    # Its provider reads no such variable; an account in Europe names https://api.eu.pagerduty.com.
    "pagerduty": "PAGERDUTY_API_URL",
}
"""Variables by which the vendors' providers find another address."""


def vendor_api_url(vendor: ApiVendor) -> str:
    """Return the address of a vendor's own HTTP API, or the one that the environment names in its place."""
    variable = API_URL_VARIABLES.get(vendor)
    return (variable and os.environ.get(variable)) or _API_URLS[vendor]


_REQUESTS_PER_MINUTE: Final = {"free": 10, "solo": 20, "team": 200, "enterprise": 400}
"""UptimeRobot's limit by plan: twice the monitors that a plan has at least (uptimerobot.com/api/v3)."""
_REQUESTS_PER_RESOURCE: Final = 60
"""Requests per minute of the UptimeRobot provider for one resource at a time: 6 per monitor, which takes 6.5
s."""


@dataclass(frozen=True)
class StackTarget(ABC):
    """
    One stack of this project.

    `providers` says whether the vendors' own plugins or stand-ins are at work.
    """

    name: str
    settings: Settings
    providers: ProviderKind

    location: ClassVar[Location]

    secrets_provider: ClassVar[str | None]
    """How the engine encrypts the secrets of a stack that it makes; None leaves it to the stack's file."""

    asks_before_changes: ClassVar[bool]
    """Whether a person confirms a change, because it changes what others use."""

    is_shared: ClassVar[bool]
    """Whether another machine may be at work on the stack at the same time."""

    remembers_creations: ClassVar[bool]
    """Whether the vendors know by a resource's URN that they made it, so that a second creation finds the
    first."""

    is_rehearsal: ClassVar[bool]
    """Whether a deployment is only tried, so that policies do not ask for the drills of its stores."""

    @property
    @abstractmethod
    def option(self) -> str:
        """What a command for this stack has to be given beside `--stack`: nothing, or ` --twin`."""

    @property
    @abstractmethod
    def runs_platform(self) -> bool:
        """Whether the platform itself is at work there, so that its data can be asked."""

    @property
    @abstractmethod
    def can_be_copied(self) -> bool:
        """Whether all that the stack has can be copied on this machine, to try destructive calls on it."""

    @abstractmethod
    def parse_settings(self, content: dict[str, Any]) -> Settings:
        """
        Return the settings that the stack would have with this content of its file.

        Raises SettingsError.
        """

    @abstractmethod
    def prepare(self, console: "Console", *, runs_program: bool = True) -> None:
        """
        Make everything ready that an operation of the engine needs.

        Raises:
            Failure: names what is missing.
        """

    @abstractmethod
    def deploy_bad(self, service: str, commit: str) -> str:
        """
        Let the host of a service deploy a commit that does not start, and return the deployment's id.

        Raises:
            Failure: the host is a real one.
        """

    @abstractmethod
    def engine_environment(self) -> dict[str, str]:
        """
        Return the environment of every engine command.

        Secrets go by environment or by file, never by argument.
        """

    @abstractmethod
    def plugin_environment(self) -> dict[str, str]:
        """
        Return the environment of the engine commands that run plugins.

        Raises:
            Failure: this machine may run checked plugins only, and one is not.
        """

    @abstractmethod
    def workspace(self, program: Program = PLATFORM) -> Path:
        """Return the folder with the file of a program's project; that leads to the stack's file."""

    @abstractmethod
    def read_checkpoint(self, stack: str | None = None, project: str = PROJECT) -> dict[str, Any] | None:
        """
        Return what the engine last wrote of a stack, empty before that.

        None where only the engine can tell.
        """

    @abstractmethod
    def list_stacks(self, project: str) -> list[str] | None:
        """Return the stacks of a project; None where only the engine can tell."""

    @abstractmethod
    def remove_traces(self, pattern: str) -> None:
        """Remove the backend's files of stacks and projects that are gone; `pattern` is a glob of names."""

    @abstractmethod
    def break_stale_lock(self, engine: "auto.Stack", project: str, console: "Console") -> None:
        """
        Take the lock of a dead engine off the stack.

        Raises:
            Failure: an engine that is alive holds the lock.
        """

    @property
    @abstractmethod
    def aws_endpoint(self) -> str | None:
        """Address of AWS; None is AWS's own."""

    @abstractmethod
    def deployer_credentials(self) -> "AccessKey | None":
        """Return the key of the deployer; None where the environment has the credentials."""

    @property
    @abstractmethod
    def deploys_as_administrator(self) -> bool:
        """Whether the deployer is known to be an administrator, so that AWS need not be asked."""

    @abstractmethod
    def owner_credentials(self, *, replica: bool) -> "AccessKey | None":
        """
        Return the key of whoever runs the administrator's stack, in the replica's account or the other one.

        None where the environment has the credentials.

        Raises:
            Failure: the profile of the replica's account does not sign in.
        """

    @abstractmethod
    def role_credentials(self, role: AwsRole) -> "AccessKey | None":
        """
        Return a session of a role; None where the environment has the credentials.

        Raises:
            Failure: the role does not trust the stack's repository and environment.
        """

    @abstractmethod
    def replica_credentials(self, role: ReplicaRole) -> "AccessKey | None":
        """
        Return a session of a role in the replica's account; None where the environment has the credentials.

        Raises:
            Failure: the role can't be taken on.
        """

    def replica_role_arn(self, role: ReplicaRole) -> str:
        """Return the ARN of a role in the replica's account."""
        account = self.settings.vaults.replica_account
        return role_arn(self.settings.platform.name, account, _REPLICA_ROLES[role])

    @abstractmethod
    def fetch_issuer_keys(self) -> bytes:
        """
        Return the public keys of GitHub's OIDC issuer, a JSON Web Key Set.

        Raises:
            Failure: the issuer does not answer.
        """

    @abstractmethod
    def find_signer(self, role: AwsRole) -> "IssueToken | None":
        """
        Return what attests the documents of a job that has the role; None if nothing does.

        Raises:
            Failure: the operator's key can't be read.
        """

    @abstractmethod
    def api_url(self, vendor: ApiVendor) -> str:
        """Return the address of a vendor's HTTP API."""

    @property
    @abstractmethod
    def uses_proxies(self) -> bool:
        """Whether HTTP clients follow the environment's proxies."""

    @abstractmethod
    def read_speed(self) -> float:
        """Return how many seconds of the vendors pass in one. Raises Failure."""

    @abstractmethod
    def tls_context(self) -> "ssl.SSLContext":
        """Return what a client of the platform's addresses trusts."""

    @abstractmethod
    def plain_address(self, url: str) -> str | None:
        """Return where plain HTTP is answered for a service's address; None where no port is usual for it."""

    @abstractmethod
    def reach_database(self, url: str) -> str:
        """Return the address by which this machine reaches a database that the vendor gave."""

    @abstractmethod
    def reach_files(self, endpoint: str) -> str:
        """Return the address by which this machine reaches the S3 service of the files."""

    @abstractmethod
    def reach_elsewhere(self, settings: "ElsewhereSettings") -> "ElsewhereSettings":
        """Return the settings of the vault elsewhere with the address by which this machine reaches it."""

    @abstractmethod
    def elsewhere_key(self) -> "AccessKey":
        """
        Return the access key of the vault elsewhere.

        Raises:
            Failure: its access key is not in the environment.
        """

    @abstractmethod
    def drill_keys(self, store: str) -> "NeonKeys | None":
        """Return the keys of Neon's API for drills of a database; None where they have none of their own."""

    @property
    @abstractmethod
    def parallelism(self) -> int | None:
        """How many resources may be made or removed at the same time; None leaves it to the engine."""

    @property
    @abstractmethod
    def folder(self) -> Path | None:
        """Folder on this machine that holds what the stack made; None where vendors hold it."""

    @property
    @abstractmethod
    def health_page(self) -> tuple[Path, str] | None:
        """The file of the page with the stack's health, and the address that serves it; None without one."""

    @abstractmethod
    def service_statuses(self) -> "list[ServiceStatus]":
        """Return the state of the services on this machine that the stack needs."""

    @abstractmethod
    def deploy_platform(self, outputs: Mapping[str, Any], *, scale: int, console: "Console") -> None:
        """Deploy the platform that the stack protects, where it is a part of the twin."""

    @abstractmethod
    def remove_platform(self) -> None:
        """Take the platform down again, where it is a part of the twin."""

    @property
    @abstractmethod
    def deployed_commit(self) -> str:
        """The commit of the platform's code that was deployed last; empty where nobody here knows it."""

    @abstractmethod
    def remove_unfinished(self) -> None:
        """Remove what a vendor was still creating for an engine that is gone."""


class VendorTarget(StackTarget):
    """A stack at the vendors."""

    location = "vendors"
    secrets_provider = None
    asks_before_changes = True
    is_shared = True
    remembers_creations = False
    is_rehearsal = False

    @property
    def option(self) -> str:
        return ""

    @property
    def runs_platform(self) -> bool:
        return True

    @property
    def can_be_copied(self) -> bool:
        return False

    def parse_settings(self, content: dict[str, Any]) -> Settings:
        return stack_file.parse_settings(content)

    def prepare(self, console: "Console", *, runs_program: bool = True) -> None:  # noqa: ARG002 - nothing to show
        if runs_program:
            self._require_secrets()

    def _require_secrets(self) -> None:
        """
        Raise Failure unless every secret is in the stack's file or in the environment.

        The program checks again, but a run of the engine that fails for it says the same in many more words.
        """
        config = stack_file.read(self.name).get("config", {})
        given = {
            key.removeprefix(f"{PROJECT}:")
            for key, value in config.items()
            if key.startswith(f"{PROJECT}:") and stack_file.is_secret(value)
        }
        given |= {
            name for name in secrets.required_secrets(self.settings) if os.environ.get(secrets.variable(name))
        }
        try:
            secrets.check(self.settings, given=given)
        except SettingsError as error:
            raise Failure(
                f"Pulumi.{self.name}.yaml: {error}",
                "set them and run this again.",
                problems=error.document(),
            ) from None

    def deploy_bad(self, service: str, commit: str) -> str:
        raise Failure(
            f"The commit {commit} of {service} can't be deployed at a real host by this.",
            "name a deployment there that starts and is not healthy: --deployment ID.",
        )

    def engine_environment(self) -> dict[str, str]:
        return {"PATH": search_path(checked=needs_checked_cli())}

    def plugin_environment(self) -> dict[str, str]:
        return plugin_environment()

    def workspace(self, program: Program = PLATFORM) -> Path:
        return program.folder

    def read_checkpoint(self, stack: str | None = None, project: str = PROJECT) -> dict[str, Any] | None:  # noqa: ARG002
        return None

    def list_stacks(self, project: str) -> list[str] | None:  # noqa: ARG002
        return None

    def remove_traces(self, pattern: str) -> None:
        """Leave the history to the backend, which belongs to the user."""

    def break_stale_lock(self, engine: "auto.Stack", project: str, console: "Console") -> None:
        """Leave the lock: an engine on another machine may hold it."""

    @property
    def aws_endpoint(self) -> str | None:
        return None

    def deployer_credentials(self) -> "AccessKey | None":
        return None

    @property
    def deploys_as_administrator(self) -> bool:
        return False

    def owner_credentials(self, *, replica: bool) -> "AccessKey | None":
        return self.replica_credentials("planner") if replica else None

    def role_credentials(self, role: AwsRole) -> "AccessKey | None":  # noqa: ARG002
        return None

    def replica_credentials(self, role: ReplicaRole) -> "AccessKey | None":
        from recovery.vault.account_access import AccountAccess  # noqa: PLC0415 - botocore takes a second

        backups = self.settings.vaults
        if not backups.has_second_account:
            return None
        return AccountAccess(
            backups.replica.region,
            "" if role == "planner" else self.replica_role_arn(role),
            backups.replica.profile or "",
            SESSION_SECONDS,
        ).find_key()

    def fetch_issuer_keys(self) -> bytes:
        from recovery.issuer_keys import fetch_keys  # noqa: PLC0415 - httpx takes a fifth of a second

        return fetch_keys(OIDC_ISSUER)

    def find_signer(self, role: AwsRole) -> "IssueToken | None":  # noqa: ARG002
        from recovery.attestation import find_signer  # noqa: PLC0415 - botocore takes a second

        return find_signer()

    def api_url(self, vendor: ApiVendor) -> str:
        return vendor_api_url(vendor)

    @property
    def uses_proxies(self) -> bool:
        return True

    def read_speed(self) -> float:
        return 1.0

    def tls_context(self) -> "ssl.SSLContext":
        import httpx  # noqa: PLC0415 - takes a fifth of a second

        return httpx.create_ssl_context()

    def plain_address(self, url: str) -> str | None:
        parts = urlsplit(url)
        return f"http://{parts.hostname}" if parts.port in (None, 443) else None

    def reach_database(self, url: str) -> str:
        return url

    def reach_files(self, endpoint: str) -> str:
        return endpoint

    def reach_elsewhere(self, settings: "ElsewhereSettings") -> "ElsewhereSettings":
        return settings

    def elsewhere_key(self) -> "AccessKey":
        from recovery.vault.client import AccessKey  # noqa: PLC0415 - botocore takes a second

        key_id, secret = (os.environ.get(name, "") for name in ELSEWHERE_KEY)
        if not key_id or not secret:
            raise Failure(
                f"There is no access key for the vault elsewhere in {' and '.join(ELSEWHERE_KEY)}.",
                "set both; docs/production.md says which rights the key needs.",
            )
        return AccessKey(key_id, secret)

    def drill_keys(self, store: str) -> "NeonKeys | None":
        from recovery.drill.neon_account import NeonKeys  # noqa: PLC0415 - httpx takes a fifth of a second

        branches, projects = (
            next(filter(None, (os.environ.get(name) for name in names)), "") for names in name_keys(store)
        )
        return NeonKeys(branches, projects) if branches and projects else None

    @property
    def parallelism(self) -> int | None:
        """
        As many as UptimeRobot, the vendor with the lowest limit, accepts without refusing requests.

        Its provider waits when it is refused all the same, but holds up every other resource of the vendor.
        """
        uptime = self.settings.uptime
        return max(1, _REQUESTS_PER_MINUTE[uptime.plan] // _REQUESTS_PER_RESOURCE) if uptime else None

    @property
    def folder(self) -> Path | None:
        return None

    @property
    def health_page(self) -> tuple[Path, str] | None:
        return None

    def service_statuses(self) -> "list[ServiceStatus]":
        return []

    def deploy_platform(self, outputs: Mapping[str, Any], *, scale: int, console: "Console") -> None:
        """Leave the platform to its own deployment."""

    def remove_platform(self) -> None:
        """Leave the platform to its own deployment."""

    @property
    def deployed_commit(self) -> str:
        return ""

    def remove_unfinished(self) -> None:
        """Leave it to the vendors."""
