"""A stack on the twin: its settings, its services, and how this machine reaches them."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import psutil
import yaml

from components.secrets import TOKEN_VARIABLES, name_files_key, name_url, variable
from components.settings import PROJECT, FileStore, NeonSettings, Settings
from components.settings.hosts import list_secrets
from components.settings.uptime import STATUS_PAGES_VARIABLE
from core.database_url import REACH_VARIABLE
from core.failure import Failure
from core.state_folder import HOME_VARIABLE, default_root
from engine import stack_file
from engine.program import PLATFORM, Program
from engine.stack_target import (
    API_URL_VARIABLES,
    ApiVendor,
    AwsRole,
    ProviderKind,
    ReplicaRole,
    StackTarget,
)
from toolchain.engine import search_path
from toolchain.providers import bridge_path, find_providers
from twin import elsewhere, file_store, plugin_install, services
from twin.aws.administrator import ACCOUNT, SECOND_ACCOUNT, administrator_key
from twin.aws.environment import find_environment_key
from twin.host.database_address import reach_database
from twin.host.home import TwinHome
from twin.services import ServiceStatus, TwinService
from twin.vendor.model import read_only_name

if TYPE_CHECKING:
    import ssl

    import pulumi.automation as auto
    from rich.console import Console

    from components.settings import ElsewhereSettings
    from recovery.attestation import IssueToken
    from recovery.drill.neon_account import NeonKeys
    from recovery.vault.client import AccessKey

_NEEDED_BYTES: Final = 256 << 20
"""A new twin takes 120 MiB; PostgreSQL's log and its archive need room to grow."""

_LOCK_PATIENCE_SECONDS: Final = 30
"""An engine whose program was killed notices, winds down and unlocks within this time."""

_ACCOUNT: Final = re.compile(r"\d{12}")
_THIS_MACHINE: Final = frozenset(("localhost", "127.0.0.1"))

_TWINS_OWN: Final = "local"
"""The stack that commands mean without `--stack`; its sample platform is the service `platform`."""

_BRIDGED: Final = ("neon:", "uptimerobot:", "sentry:", "railway:", "vercel:")
_BRIDGES_NOTES: Final = "__pulumi_raw_state_delta"
"""Output that the real bridge leaves in each resource, and no stand-in does."""


@dataclass(frozen=True)
class TwinTarget(StackTarget):
    """A stack on the twin of this checkout."""

    home: TwinHome

    location = "twin"
    secrets_provider = "passphrase"
    asks_before_changes = False
    is_shared = False
    remembers_creations = True
    is_rehearsal = True

    @classmethod
    def find(cls, stack: str, providers: ProviderKind | None = None) -> Self:
        """Return the target of a stack. Raises Failure, naming all settings that are wrong."""
        home = TwinHome(default_root(stack_file.CHECKOUT))
        settings = stack_file.load_settings(stack, fit_to_twin(stack_file.read(stack), home))
        return cls(stack, settings, _provider_kind(stack, home, providers), home)

    @property
    def option(self) -> str:
        return "" if self.runs_platform else " --twin"

    @property
    def runs_platform(self) -> bool:
        # The program of production, run against the twin, watches an address that is not on this machine.
        return self.settings.platform.environment == "local"

    @property
    def can_be_copied(self) -> bool:
        return self.runs_platform

    def parse_settings(self, content: dict[str, Any]) -> Settings:
        return stack_file.parse_settings(fit_to_twin(content, self.home))

    def services(self) -> tuple[TwinService, ...]:
        """
        Return the services that the stack needs.

        The sample platform serves at those addresses of the settings' services that are on this machine.
        """
        store = self.settings.backups.elsewhere if self.settings.backups else None
        urls = [urlsplit(service.url) for _, service in sorted(self.settings.services.items())]
        ports = [url.port or 443 for url in urls if url.hostname in _THIS_MACHINE]
        return services.declare_services(
            self.home,
            platform_ports=ports if self.runs_platform else (),
            platform_name="platform" if self.name == _TWINS_OWN else f"platform-{self.name}",
            elsewhere_bucket=store.bucket if store else "",
        )

    def prepare(self, console: "Console", *, runs_program: bool = True) -> None:
        """
        Make the twin's folder, install the plugins and start every service.

        Raises:
            Failure: a service can't be had, or a database is none of the twin's; names the cause.
        """
        home = self.home
        if runs_program:
            self._require_addresses()
        with _explain_folder(home):
            home.create()
            file_store.create_buckets(home, self._buckets())
            self._invite_people()
            self._add_hosts()
        free_bytes = shutil.disk_usage(home.root).free
        if free_bytes < _NEEDED_BYTES:
            raise Failure(
                f"The disk of the twin's folder {home.root} is full: {free_bytes >> 20} MiB are free, "
                f"it needs {_NEEDED_BYTES >> 20} MiB.",
                f"free some, or name a folder on another disk in {HOME_VARIABLE}.",
            )
        if self.providers == "real":
            plugin_install.install_real_providers(home, bridge_path(find_providers()))
        else:
            plugin_install.install_stand_ins(home.pulumi)
        status = console.status("")

        def show(name: str, what: str) -> None:
            status.update(f"Starting the twin's services: {name} {what}")
            status.start()

        try:
            restarted = services.start(home, self.services(), on_progress=show)
        except services.ServiceError as error:
            cause, _, next_step = str(error).partition("\n")
            raise Failure(cause, next_step or "see `./bulwark logs`.") from error
        finally:
            status.stop()
        if restarted:
            console.print(f"{', '.join(restarted)} had been stopped, and was started again.")

    def _invite_people(self) -> None:
        """Make users of the people who are on call: at PagerDuty they are there before any stack."""
        if self.settings.oncall:
            from twin.pagerduty.model import PagerDutyAccount  # noqa: PLC0415 - only who has on-call pays for it

            account = PagerDutyAccount(self.home)
            for person in self.settings.oncall.list_people():
                account.invite(person)
            account.store.close()

    def _add_hosts(self) -> None:
        """Let the services and projects exist that the settings name at a host: no stack makes them."""
        if not self.settings.hosts:
            return
        from twin.railway.model import Railway  # noqa: PLC0415 - only where a service has a host
        from twin.vercel.model import Vercel  # noqa: PLC0415 - with it

        railway, vercel = Railway(self.home), Vercel(self.home)
        for name, host in self.settings.hosts.items():
            url = urlsplit(self.settings.services[name].url)
            port = url.port if self.runs_platform and url.hostname in _THIS_MACHINE else None
            if host.type == "railway":
                railway.add_service(host.service, host.environment, host.project, name=name, port=port)
            else:
                vercel.add_project(host.project, host.team, name=name, port=port)

    def _require_addresses(self) -> None:
        """Raise Failure unless the address of each database that exists already is known."""
        given = stack_file.read(self.name).get("config", {})
        names = sorted(map(name_url, self.settings.databases.keys() - self.settings.neon.keys()))
        missing = [
            name for name in names if f"{PROJECT}:{name}" not in given and not os.environ.get(variable(name))
        ]
        if missing:
            raise Failure(
                f"The twin has no server for what exists already: {', '.join(missing)}.",
                f"set {', '.join(map(variable, missing))} to the address of a database on this machine; a "
                "preview connects to none.",
            )

    def engine_environment(self) -> dict[str, str]:
        """Return the environment of every engine command; all keys and tokens are the twin's own."""
        home, alerting = self.home, self.settings.alerting
        inbox = f"http://127.0.0.1:{home.port('vendors')}/inbox"
        # One server has the files of all stores, and one key.
        secrets = {
            name: home.secret(own)
            for store in self.settings.sources
            for name, own in zip(name_files_key(store), file_store.KEY_SECRETS, strict=True)
        }
        secrets |= {
            f"{channel}_target": home.secret(f"{channel}_target")
            if alerting.channels[channel].type == "pagerduty"
            else f"{inbox}/{channel}"
            for channel in alerting.secret_channels()
        }
        secrets |= {name: home.secret(name) for name in list_secrets(self.settings.hosts)}
        passphrase = home.root / "passphrase"
        if not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(home.secret("passphrase"))
        return {
            "PATH": search_path(policy_host=False),
            HOME_VARIABLE: str(home.root),
            "PULUMI_HOME": str(home.pulumi_real if self.providers == "real" else home.pulumi),
            # Else the backend keeps a file of attributes beside each of its files, and one that a killed
            # engine left half-written makes the whole stack unreadable ("failed to load checkpoint: EOF").
            "PULUMI_BACKEND_URL": f"{home.state.as_uri()}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            **{name: self._token(name) for name in TOKEN_VARIABLES.values()},
            STATUS_PAGES_VARIABLE: f"http://127.0.0.1:{home.port('vendors')}/uptimerobot/status",
            # The program asks Sentry too (components/cron_slug.py).
            API_URL_VARIABLES["sentry"]: self.api_url("sentry"),
            REACH_VARIABLE: f"{reach_database.__module__}:{reach_database.__name__}",
            **{f"BULWARK_{name}".upper().replace("-", "_"): value for name, value in secrets.items()},
        }

    def _token(self, variable: str) -> str:
        """Return the twin's token for a vendor; the one that only reads, if that is in the environment."""
        given, reading = os.environ.get(variable), self.home.secret(read_only_name(variable))
        return reading if given == reading else self.home.secret(variable)

    def plugin_environment(self) -> dict[str, str]:
        return {}  # its PULUMI_HOME is its own

    def workspace(self, program: Program = PLATFORM) -> Path:
        """
        Return a folder with a copy of a project's file, beside or below a copy of the stack's file.

        The engine writes the salt of the twin's passphrase into the stack's file, which must not change the
        checkout. The copy has the ports that were drawn.
        """
        folder = self.home.root / "workspace"
        folder.mkdir(mode=0o700, exist_ok=True)
        copy = folder / f"Pulumi.{self.name}.yaml"
        content = fit_to_twin(stack_file.read(self.name), self.home)
        if copy.exists():
            before = stack_file.parse(copy.read_bytes(), copy.name)
            content |= {key: before[key] for key in ("encryptionsalt", "secretsprovider") if key in before}
        partial = copy.with_suffix(".partial")
        partial.write_text(yaml.safe_dump(content))
        partial.replace(copy)
        project = folder / program.folder.relative_to(stack_file.CHECKOUT)
        project.mkdir(mode=0o700, exist_ok=True)
        text = (program.folder / "Pulumi.yaml").read_text()
        (project / "Pulumi.yaml").write_text(text.replace("virtualenv: .venv", f"virtualenv: {sys.prefix}"))
        return project

    def read_checkpoint(self, stack: str | None = None, project: str = PROJECT) -> dict[str, Any]:
        """Read the file backend directly: asking the engine takes 0.5 s."""
        return _read_checkpoint(self.home, stack or self.name, project)

    def list_stacks(self, project: str) -> list[str]:
        return sorted(path.stem for path in _checkpoint_file(self.home, "any", project).parent.glob("*.json"))

    def remove_traces(self, pattern: str) -> None:
        for path in list((self.home.state / ".pulumi").rglob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def break_stale_lock(self, engine: "auto.Stack", project: str, console: "Console") -> None:
        folder = self.home.state / ".pulumi" / "locks" / "organization" / project / engine.name
        deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
        with console.status("") as status:
            while alive := _live_lock_holders(folder):
                if time.monotonic() > deadline:
                    raise Failure(
                        f"Another run (process {alive[0]}) is working on the stack {engine.name}.",
                        "wait for its end, or end it and run this again.",
                    )
                status.update(f"Waiting for another run (process {alive[0]}) to end")
                time.sleep(0.2)
        if any(folder.glob("*.json")):
            engine.cancel()

    @property
    def aws_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.home.port('aws')}"

    def deployer_credentials(self) -> "AccessKey":
        """Return the environment's key for this twin, or else that of its AWS administrator."""
        from recovery.vault.client import AccessKey  # noqa: PLC0415 - botocore takes a second

        return AccessKey(*(find_environment_key(self.home) or administrator_key(self.home)))

    @property
    def deploys_as_administrator(self) -> bool:
        return find_environment_key(self.home) is None

    def owner_credentials(self, *, replica: bool) -> "AccessKey":
        from recovery.vault.client import AccessKey  # noqa: PLC0415 - botocore takes a second

        if not replica:
            return self.deployer_credentials()
        return AccessKey(*administrator_key(self.home, self.settings.vaults.replica_account))

    def role_credentials(self, role: AwsRole) -> "AccessKey":
        """Take the role on as a job would, so that a command fails here where it would fail in production."""
        from engine.role_credentials import assume_role, environment_of  # noqa: PLC0415 - botocore takes a second
        from twin.aws.issuer import issue_token  # noqa: PLC0415 - with it

        subject = self.settings.platform.subject(environment_of(role, self.settings))
        token = issue_token(self.home, subject=subject)
        return assume_role(role, self.settings, endpoint=self.aws_endpoint, token=token)

    def replica_credentials(self, role: ReplicaRole) -> "AccessKey":
        """Take the role on as a job would: who restores by its token, who plans from the planner's role."""
        from engine.role_credentials import environment_of  # noqa: PLC0415 - botocore takes a second
        from recovery.vault.account_access import take_on, take_on_as_job  # noqa: PLC0415 - with it
        from twin.aws.issuer import issue_token  # noqa: PLC0415 - with it

        backups, platform = self.settings.vaults, self.settings.platform
        if not backups.has_second_account:
            return self.role_credentials(role)
        arn = self.replica_role_arn(role)
        if role == "planner":
            return take_on(arn, self.role_credentials(role), backups.replica.region, self.aws_endpoint)
        token = issue_token(self.home, subject=platform.subject(environment_of(role, self.settings)))
        return take_on_as_job(arn, token, backups.replica.region, self.aws_endpoint)

    def fetch_issuer_keys(self) -> bytes:
        from recovery.issuer_keys import fetch_keys  # noqa: PLC0415 - httpx takes a fifth of a second

        return fetch_keys(self.aws_endpoint)

    def find_signer(self, role: AwsRole) -> "IssueToken":
        """Return the twin's issuer, which signs for a job of the role as GitHub would."""
        from engine.role_credentials import environment_of  # noqa: PLC0415 - botocore takes a second
        from twin.aws.issuer import issue_token  # noqa: PLC0415 - with it

        subject = self.settings.platform.subject(environment_of(role, self.settings))
        return lambda audience: issue_token(self.home, subject=subject, audience=audience)

    def api_url(self, vendor: ApiVendor) -> str:
        vendors = f"http://127.0.0.1:{self.home.port('vendors')}"
        if vendor == "neon":
            return f"{vendors}/neon/api/v2"
        if vendor in {"pagerduty", "railway", "vercel"}:
            return f"{vendors}/{vendor}"
        return plugin_install.vendor_environment(self.home)[API_URL_VARIABLES[vendor]]

    @property
    def uses_proxies(self) -> bool:
        return False

    def read_speed(self) -> float:
        import httpx  # noqa: PLC0415 - takes a fifth of a second

        try:
            answer = httpx.get(f"http://127.0.0.1:{self.home.port('vendors')}/", trust_env=False)
            return float(answer.raise_for_status().json()["speed"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise Failure(
                f"The twin's vendors do not say how fast their time goes ({type(error).__name__}).",
                "./bulwark up starts them.",
            ) from None

    def tls_context(self) -> "ssl.SSLContext":
        from twin.host.tls import tls_context  # noqa: PLC0415 - cryptography takes a tenth of a second

        return tls_context(self.home.tls / "ca.crt")

    def plain_address(self, url: str) -> str | None:
        from twin.sample_app.plain_http import find_plain_port  # noqa: PLC0415 - only `ready` asks

        port = urlsplit(url).port
        return f"http://localhost:{find_plain_port(self.home, port)}" if port else None

    def reach_database(self, url: str) -> str:
        return reach_database(url)

    def reach_files(self, endpoint: str) -> str:  # noqa: ARG002 - the twin's service stands in for it
        return f"http://127.0.0.1:{self.home.port('files')}"

    def drill_keys(self, store: str) -> "NeonKeys":  # noqa: ARG002 - the twin's Neon has one key
        from recovery.drill.neon_account import NeonKeys  # noqa: PLC0415 - httpx takes a fifth of a second

        key = self.home.secret("NEON_API_KEY")
        return NeonKeys(key, key)

    @property
    def parallelism(self) -> int | None:
        return None

    def reach_elsewhere(self, settings: "ElsewhereSettings") -> "ElsewhereSettings":
        """Return the settings for the twin's own store, whose key pair is the twin's as well."""
        return settings.model_copy(
            update={
                "endpoint": f"http://127.0.0.1:{self.home.port(elsewhere.PORT)}",
                "recipients": (elsewhere.read_recipient(self.home),),
            }
        )

    def elsewhere_key(self) -> "AccessKey":
        from recovery.vault.client import AccessKey  # noqa: PLC0415 - botocore takes a second

        return AccessKey(*(self.home.secret(name) for name in elsewhere.KEY_SECRETS))

    @property
    def folder(self) -> Path:
        return self.home.root

    @property
    def health_page(self) -> tuple[Path, str]:
        address = f"http://127.0.0.1:{self.home.port('vendors')}/health/{self.name}"
        return self.home.health_page(self.name), address

    def service_statuses(self) -> list[ServiceStatus]:
        return services.status(self.home, self.services())

    def deploy_platform(self, outputs: Mapping[str, Any], *, scale: int, console: "Console") -> None:
        """Load the sample platform's rows and files once, then tell it where its database is."""
        if not self.runs_platform:
            return
        # Here and not above: a preview would pay 0.1 s for the database client.
        from twin.neon.model import Neon  # noqa: PLC0415
        from twin.sample_app import canary, seed  # noqa: PLC0415

        name = self._sample_database()
        if not name:
            return
        database, urls = self.settings.neon[name], outputs["database_urls"][name]
        with console.status("Loading the sample platform's data") as status:
            result = seed.load(
                urls["owner"],
                application_role=database.application_role,
                backup_role=database.backup_role,
                scale=scale,
                on_progress=lambda table: status.update(f"Loading the sample platform's data: {table}"),
            )
            if result.loaded:
                # A branch then starts from here and needn't replay the whole load.
                for _, cluster in Neon(self.home).list_clusters():
                    cluster.take_base_backup()
        if result.loaded:
            console.print(f"Loaded {result.rows:,} rows of sample data in {result.seconds:.1f} s.")
        elif result.scale != scale:
            console.print(
                f"The sample data is there already, at scale {result.scale}; "
                "`./bulwark destroy` makes room for another."
            )
        canary.create_table(urls["owner"])
        buckets = [bucket for store in self._sample_files(database) for bucket in store.buckets]
        if buckets and (stored := file_store.seed(self.home, buckets[0], result.scale)):
            console.print(f"Stored the {stored:,} objects that its rows name.")
        commit = _find_commit()
        self._deploy_code(commit)
        partial = self._deployment_file.with_suffix(".partial")
        partial.touch(mode=0o600)
        deployment = {"database_url": self.reach_database(urls["application"]), "commit": commit}
        if any(host.database for host in self.settings.hosts.values()):
            del deployment["database_url"]  # its host gives it the address
        partial.write_text(json.dumps(deployment))
        partial.replace(self._deployment_file)

    def deploy_bad(self, service: str, commit: str) -> str:
        from twin.railway.model import Railway  # noqa: PLC0415 - as below

        host = self.settings.hosts[service]
        if host.type != "railway":
            raise Failure(f"The twin deploys nothing bad of {service}.", "drill a service at Railway.")
        with closing((railway := Railway(self.home)).store):
            return railway.deploy(host.service, host.environment, commit=commit, starts=False)

    def _deploy_code(self, commit: str) -> None:
        """Let the hosts deploy a commit with the variables of now, as a push does, unless they run it."""
        if not self.settings.hosts:
            return
        from twin.railway.model import Railway  # noqa: PLC0415 - only where a service has a host
        from twin.vercel.model import Vercel  # noqa: PLC0415 - with it

        railway, vercel = Railway(self.home), Vercel(self.home)
        for host in self.settings.hosts.values():
            if host.type == "railway":
                railway.deploy_commit(host.service, host.environment, commit)
            else:
                vercel.deploy_changes(host.project, commit)

    def _buckets(self) -> list[str]:
        """Return the buckets that the twin's store of files has."""
        return sorted({bucket for store in self.settings.sources.values() for bucket in store.buckets})

    def _sample_database(self) -> str:
        """Return the database that the sample platform works on: the first whose rows refer to files."""
        return next(
            (name for name, store in self.settings.neon.items() if store.drill and store.drill.files), ""
        )

    def _sample_files(self, database: NeonSettings) -> list[FileStore]:
        """Return the stores of the files that the sample platform's rows name."""
        return [self.settings.sources[name] for name in (database.drill.files if database.drill else ())]

    def remove_platform(self) -> None:
        if self.runs_platform:
            self._deployment_file.unlink(missing_ok=True)
            file_store.remove_buckets(self.home)

    @property
    def _deployment_file(self) -> Path:
        return self.home.root / "platform.json"

    @property
    def deployed_commit(self) -> str:
        try:
            deployment = json.loads(self._deployment_file.read_text())
        except (OSError, ValueError):
            return ""
        return str(deployment.get("commit", "")) if isinstance(deployment, dict) else ""

    def remove_unfinished(self) -> None:
        from twin.neon.model import Neon  # noqa: PLC0415 - brings the database client along

        Neon(self.home).remove_unfinished()


def _find_commit() -> str:
    """Return the commit of the checkout, which the sample platform is deployed from; empty without Git."""
    arguments = ["git", "rev-parse", "--verify", "HEAD"]
    try:
        ended = subprocess.run(
            arguments, cwd=stack_file.CHECKOUT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip()


def fit_to_twin(content: dict[str, Any], home: TwinHome) -> dict[str, Any]:
    """Return the content of a stack's file as the twin takes it: with its ports, and in its accounts."""
    return take_accounts(draw_ports(content, home))


def take_accounts(content: dict[str, Any]) -> dict[str, Any]:
    """
    Return the content of a stack's file with the twin's accounts at AWS in place of the stack's own.

    In ARNs as well. So a stack of any accounts can be tried; two accounts stay two, and one stays one.
    """
    config = content.get("config", {})
    match config.get(f"{PROJECT}:backups"):
        case {"account": str(account), "replica": {"account": str(other)}}:
            accounts = {other: SECOND_ACCOUNT, account: ACCOUNT}
        case {"account": str(account)}:
            accounts = {account: ACCOUNT}
        case _:
            return content
    named = "|".join(account for account in accounts if _ACCOUNT.fullmatch(account))
    if not named:
        return content  # the settings' own rules say what is wrong

    def replace(value: Any) -> Any:
        match value:
            case str():
                return re.sub(rf"(?<!\d)({named})(?!\d)", lambda found: accounts[found[1]], value)
            case dict():
                return {key: replace(inner) for key, inner in value.items()}
            case list():
                return [replace(inner) for inner in value]
            case _:
                return value

    blocks = (f"{PROJECT}:backups", f"{PROJECT}:existing")
    replaced = {name: replace(config[name]) for name in blocks if name in config}
    return {**content, "config": {**config, **replaced}}


def draw_ports(content: dict[str, Any], home: TwinHome) -> dict[str, Any]:
    """
    Return the content of a stack's file with drawn ports for the services' addresses that have port 0.

    The ports are drawn once per checkout, as those of the services are, so that two twins can run side by
    side.
    """
    key = f"{PROJECT}:services"
    config = content.get("config", {})
    match config.get(key):
        case dict() as declared:
            drawn = {name: _draw_port(service, home, name) for name, service in declared.items()}
            return {**content, "config": {**config, key: drawn}}
        case _:
            return content


def _draw_port(service: Any, home: TwinHome, name: str) -> Any:
    """Return the settings of a service with its port drawn, or as they are if they are none."""
    match service:
        case {"url": str(url)}:
            return {**service, "url": _with_port(url, home, name)}
        case _:
            return service


def _with_port(url: str, home: TwinHome, name: str) -> str:
    prefix, separator, port = url.rstrip("/").rpartition(":")
    if not separator or port != "0":
        return url
    with _explain_folder(home):
        home.create()
        return f"{prefix}:{home.port(f'platform-{name}')}"


@contextmanager
def _explain_folder(home: TwinHome) -> Generator[None]:
    """Raise Failure where the twin's folder can't be made or written."""
    try:
        yield
    except OSError as error:
        raise Failure(
            f"The twin's folder {home.root} can't be made: {error.strerror}.",
            f"make it writable, or name another one in {HOME_VARIABLE}.",
        ) from error


def _checkpoint_file(home: TwinHome, stack: str, project: str) -> Path:
    return home.state / ".pulumi" / "stacks" / project / f"{stack}.json"


def _read_checkpoint(home: TwinHome, stack: str, project: str) -> dict[str, Any]:
    path = _checkpoint_file(home, stack, project)
    if not path.exists():
        return {}
    return json.loads(path.read_text())["checkpoint"].get("latest") or {}


def _provider_kind(stack: str, home: TwinHome, wanted: ProviderKind | None) -> ProviderKind:
    """
    Return the kind of provider that a stack goes through.

    Raises:
        Failure: the other kind made what is there; each kind's state has what only it can read.
    """
    makers = {_maker(resource) for resource in _read_checkpoint(home, stack, PROJECT).get("resources") or []}
    makers.discard(None)
    if not makers:
        return wanted or "stand-in"
    maker: ProviderKind = "real" if "real" in makers else "stand-in"
    if wanted and wanted != maker:
        words = {"real": "the vendors' own providers", "stand-in": "stand-ins of the vendors' providers"}
        raise Failure(
            f"The stack {stack} was made through {words[maker]}; {words[wanted]} can't take it over.",
            f"leave out `--providers {wanted}`, or take the stack down first with `./bulwark destroy`.",
        )
    return maker


def _maker(resource: dict[str, Any]) -> ProviderKind | None:
    """Return the kind of provider that made a bridged vendor's resource; None for any other resource."""
    if not resource["type"].startswith(_BRIDGED):
        return None
    return "real" if _BRIDGES_NOTES in resource.get("outputs", {}) else "stand-in"


def _live_lock_holders(folder: Path) -> list[int]:
    """Return the ids of the engines that are alive on this machine and hold a lock in the folder."""
    alive: list[int] = []
    for lock in folder.glob("*.json"):
        try:
            holder = json.loads(lock.read_text())
            process = psutil.Process(holder["pid"])
            is_engine = process.name() == "pulumi" and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.Error):
            continue
        if is_engine and holder["hostname"] == socket.gethostname():
            alive.append(process.pid)
    return alive
