"""A copy of a stack's twin, to be destroyed: vaults, files and vendors, with ports and secrets of its own."""

import asyncio
import base64
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any, Final, Literal, Self, cast

import boto3
import httpx
from botocore import xform_name
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette

from components.guard import BREAK_GLASS, role_arn
from components.vault_names import VaultNames
from core.failure import Failure
from core.text import printable
from engine.call_names import CallNames, fill, find_key_id, find_vault, name_roles, name_vault
from engine.stack_target import AwsRole
from engine.twin import TwinTarget
from recovery.age import read_identity
from recovery.attestation import Trust
from recovery.context import VaultName
from recovery.drill.credentials.calls import AwsCall, CallTarget, DestructiveCall, HttpCall
from recovery.drill.credentials.intruders import Credential
from recovery.drill.credentials.scenario import CallAnswer
from recovery.drill.environment import DRILL_VARIABLE
from recovery.drill.evidence import CopyPath
from recovery.elsewhere.copies import CopyRules
from recovery.elsewhere.vault import ElsewhereVault
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient
from twin import elsewhere, file_store, home_copy, services
from twin.aws import closed_accounts, second_factor
from twin.aws.administrator import administrator_key
from twin.host.home import TwinHome
from twin.host.time_scale import TimeScale
from twin.services import TwinService
from twin.vendor.model import read_only_name
from twin.vendor.store import VendorStore
from twin.vendor_apis import routes

_ROLES: Final[dict[Credential, AwsRole]] = {
    "backup-writer": "writer",
    "state-writer": "state-writer",
    "backup-restorer": "restorer",
    "driller": "driller",
    "state-driller": "state-driller",
    "copier": "copier",
    "planner": "planner",
    "deployer": "deployer",
}
_EVERYTHING: Final = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
)
_REFUSALS: Final = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        # A bucket that has objects is not deleted, and one with Object Lock keeps its versions.
        "BucketNotEmpty",
        "InvalidAccessKeyId",
        "InvalidBucketState",
        "MethodNotAllowed",
    )
)
"""Codes of AWS and of S3's stores by which a call is refused. Another error says that the call is wrong."""

_ELSEWHERE: Final = {"DeleteAlias": "NotFoundException"}
"""
Operation that can name nothing of another account -> the code by which it then fails.

An alias has no ARN there (AWS KMS API, DeleteAlias).
"""

_REFUSING_STATUSES: Final = frozenset((401, 403, 409, 422, 423))
_ALLOWED_BELOW: Final = 300
_STARTED: Final = frozenset(("aws", "elsewhere", "files"))
_PREFIXES: Final[dict[CallTarget, tuple[str, str]]] = {
    "Neon project": ("/neon/api/v2", "NEON_API_KEY"),
    "monitors": ("/uptimerobot/v3", "UPTIMEROBOT_API_KEY"),
    "error tracking": ("/sentry/api/0", "SENTRY_AUTH_TOKEN"),
}
"""Target -> where its API is below the twin's address, and its credential among the secrets of the home."""

_READING: Final[frozenset[Credential]] = frozenset(("plan's Sentry token", "plan's UptimeRobot key"))
_CHECKSUMS: Final = ("x-amz-checksum-", "x-amz-sdk-checksum-")
_ANSWER_SECONDS: Final = 30.0
_ADMINISTRATOR: Final = "an-administrator"
_SHOWN_LETTERS: Final = 160


@dataclasses.dataclass(frozen=True)
class NewestDump:
    """The newest dump in the primary vault and its manifest; the replica has the same versions of them."""

    dump: str
    dump_version: str
    manifest: str
    manifest_version: str


class ThrowAwayTwin:
    """
    Makes destructive calls on a copy of the twin.

    A key of the copy is no key of the twin: what is signed with it is refused there. Nothing in this class
    has an address or a key of the twin itself.
    """

    def __init__(
        self, source: TwinTarget, folder: Path, scope: str, newest: NewestDump, trust: Trust
    ) -> None:
        self._source = source
        self._scope = scope
        self._newest = newest
        self._trust = trust
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._keys: dict[Credential, AccessKey] = {}
        self._key_ids: dict[str, str] = {}
        self._copy_names: dict[str, str] = {}
        self.target = dataclasses.replace(source, home=TwinHome(folder))
        """The stack's target on the copy."""

    @classmethod
    @contextmanager
    def open(
        cls, source: TwinTarget, folder: Path, *, scope: str, newest: NewestDump, trust: Trust
    ) -> Generator[Self]:
        """
        Copy a twin and start the copy's services; stop them at the end.

        Args:
            source: The stack on the twin.
            folder: The copy's, which does not exist yet.
            scope: By which a later drill finds the services, if this one is killed.
            newest: What the calls are about.
            trust: Whose attestations count in the copy elsewhere.

        Raises:
            Failure: the folder is the twin's own, or a service does not start.
        """
        home = source.home.root.resolve()
        if folder.exists() or folder.resolve() == home or folder.name == home.name:
            raise Failure(f"{folder} is no place for a copy of the twin.", "nothing was done.")
        folder.mkdir(mode=0o700)
        copy = cls(source, folder, scope, newest, trust)
        try:
            copy._start()
            yield copy
        finally:
            copy._stop()
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def home(self) -> TwinHome:
        return self.target.home

    def renew(self, lost: Collection[CopyPath]) -> None:
        if set(lost) == {"history"}:
            self._copy_vendors()
            return
        self._stop()
        home_copy.clear_copy(self.home)
        self._start()

    def _start(self) -> None:
        home_copy.copy_home(self._source.home, self.home)
        try:
            services.start(self.home, self._services())
        except services.ServiceError as error:
            cause, _, detail = str(error).partition("\n")
            raise Failure(cause, "see the drill's folder.", detail) from error
        self._clients.clear()
        self._keys.clear()
        # After the start, which would start the databases of these records as well.
        self._copy_vendors()

    def _copy_vendors(self) -> None:
        home_copy.remove_vendors(self.home)
        home_copy.copy_vendors(self._source.home, self.home)
        self._vendors = _VendorClient(self.home)

    def _stop(self) -> None:
        home_copy.remove_vendors(self.home)
        services.stop(self.home, self._services())

    def _services(self) -> list[TwinService]:
        elsewhere = self._source.settings.vaults.elsewhere
        declared = services.declare_services(
            self.home, platform_ports=(), elsewhere_bucket=elsewhere.bucket if elsewhere else ""
        )
        mark = (DRILL_VARIABLE, self._scope)
        return [
            dataclasses.replace(service, variables=(*service.variables, mark))
            for service in declared
            if service.name in _STARTED
        ]

    def attempt(self, credential: Credential, call: DestructiveCall) -> Iterator[CallAnswer]:
        names = self._find_names(call.target)
        if isinstance(call, HttpCall):
            yield from self._request(credential, call, names)
        elif not call.is_on_twin:
            yield CallAnswer("unknown", "not made", "the twin's S3 does not have this operation")
        else:
            yield self._call(credential, call, names)

    def _call(self, credential: Credential, call: AwsCall, names: CallNames) -> CallAnswer:
        client = self._open_client(credential, call.service, names.get("region", ""))
        try:
            answer = getattr(client, xform_name(call.operation))(**fill(call.parameters, names))
        except ClientError as error:
            return _explain_errors([error.response.get("Error", {})], _ELSEWHERE.get(call.operation))
        except BotoCoreError as error:
            return CallAnswer("unknown", "made", _shorten(str(error)))
        if errors := answer.get("Errors"):
            return _explain_errors(errors)
        return CallAnswer("allowed", "made", f"HTTP {answer['ResponseMetadata']['HTTPStatusCode']}")

    def _request(self, credential: Credential, call: HttpCall, names: CallNames) -> Iterator[CallAnswer]:
        prefix, secret = _PREFIXES[call.target]
        token = self.home.secret(read_only_name(secret) if credential in _READING else secret)
        for identifier in names[call.each] if call.each else ("",):
            path = Template(prefix + call.path).substitute(names, id=identifier)
            response = self._vendors.request(call.method, path, call.body, token=token)
            status = response.status_code
            outcome = (
                "allowed"
                if status < _ALLOWED_BELOW
                else "refused"
                if status in _REFUSING_STATUSES
                else "unknown"
            )
            text = f"HTTP {status}" + (f": {response.text}" if outcome != "allowed" else "")
            yield CallAnswer(outcome, "made", _shorten(text), identifier)

    def _open_client(self, credential: Credential, service: str, region: str) -> Any:
        known = (credential, service, region)
        if known not in self._clients:
            endpoint, key = self._find_access(credential)
            self._clients[known] = boto3.client(
                cast("Literal['s3']", service),
                region_name=region or self.target.settings.vaults.region,
                endpoint_url=endpoint,
                aws_access_key_id=key.id,
                aws_secret_access_key=key.secret,
                aws_session_token=key.token or None,
                config=Config(
                    proxies={},
                    read_timeout=_ANSWER_SECONDS,
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                    signature_version="s3v4" if service == "s3" else None,
                    request_checksum_calculation="when_required",
                ),
            )
            if credential == "elsewhere key":
                self._clients[known].meta.events.register("before-sign.s3", _send_md5)
        return self._clients[known]

    def _find_access(self, credential: Credential) -> tuple[str, AccessKey]:
        """Return the address at which a credential is used, and its access key."""
        if credential == "elsewhere key":
            return f"http://127.0.0.1:{self.home.port('elsewhere')}", self.target.elsewhere_key()
        if credential == "Supabase key":
            key = AccessKey(*(self.home.secret(name) for name in file_store.KEY_SECRETS))
            return f"http://127.0.0.1:{self.home.port('files')}", key
        if credential not in self._keys:
            self._keys[credential] = self._make_key(credential)
        return self.target.aws_endpoint, self._keys[credential]

    def _make_key(self, credential: Credential) -> AccessKey:
        if role := _ROLES.get(credential):
            return self.target.role_credentials(role)
        account = self.target.settings.vaults.account
        factor: dict[str, str] = {}
        match credential:
            case "administrator":
                role = self._make_administrator(account)
            case "break-glass":
                role = role_arn(self.target.settings.platform.name, account, BREAK_GLASS)
                factor = {
                    "SerialNumber": second_factor.serial_number(account),
                    "TokenCode": second_factor.show_code(self.home),
                }
            case _:
                return AccessKey(*administrator_key(self.home))
        sts = self._open_client("root user", "sts", "")
        given = sts.assume_role(RoleArn=role, RoleSessionName="drill", **factor)["Credentials"]
        return AccessKey(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def _make_administrator(self, account: str) -> str:
        """Make a role that may do everything, as an account's people have one; return its ARN."""
        trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": trust})
        iam = self._open_client("root user", "iam", "")
        created = iam.create_role(RoleName=_ADMINISTRATOR, AssumeRolePolicyDocument=document)
        iam.put_role_policy(RoleName=_ADMINISTRATOR, PolicyName="all", PolicyDocument=_EVERYTHING)
        return created["Role"]["Arn"]

    def close_account(self) -> CallAnswer:
        account = self.target.settings.vaults.account
        closed_accounts.close_account(self.home, account)
        try:
            self._open_client("root user", "s3", "").list_buckets()
        except ClientError as error:
            text = _explain_errors([error.response.get("Error", {})]).text
            return CallAnswer("allowed", "made", text)
        raise Failure(f"The twin's account {account} can still be used.", "nothing else was tried.")

    def open_vault(self, name: VaultName) -> VaultClient:
        """
        Open a vault with the role that restores or, where that role is gone, as the account's owner.

        The vault elsewhere is opened with the twin's private key.
        """
        backups, platform = self.target.settings.vaults, self.target.settings.platform.name
        if name == "elsewhere":
            return self._open_elsewhere()
        bucket, region = (
            (backups.vault(platform), backups.region)
            if name == "primary"
            else (backups.vault_replica(platform), backups.replica.region)
        )
        try:
            key = (
                self.target.role_credentials("restorer")
                if name == "primary"
                else self.target.replica_credentials("restorer")
            )
        except Failure:
            account = backups.account if name == "primary" else backups.replica_account
            key = AccessKey(*administrator_key(self.home, account))
        return VaultClient(
            create_client(region, self.target.aws_endpoint, attempts=1, access_key=key),
            bucket,
            access_key=key,
        )

    def _open_elsewhere(self) -> ElsewhereVault:
        if not (settings := self.target.settings.vaults.elsewhere):
            raise Failure("The stack has no vault elsewhere.", "declare one: docs/production.md.")
        settings, key = self.target.reach_elsewhere(settings), self.target.elsewhere_key()
        return ElsewhereVault(
            create_client(settings.region, settings.endpoint, attempts=1, access_key=key),
            settings.bucket,
            trust=self._trust,
            rules=CopyRules(settings.recipients, settings.lock_days),
            identity=read_identity(elsewhere.ensure_identity(self.home)),
            access_key=key,
        )

    def find_history(self) -> str:
        names = self._find_names("Neon project")
        if not names["project"] or not names["branches"]:
            return ""
        hours = names["history_seconds"] // 3600
        return f"the project, its branch, and {hours} hours of history" if hours else ""

    def loosen(self, credential: Credential) -> str:
        iam, role = self._open_client("root user", "iam", ""), self._role_name(credential)
        iam.put_role_policy(RoleName=role, PolicyName="drill", PolicyDocument=_EVERYTHING)
        iam.delete_role_permissions_boundary(RoleName=role)
        return f"{role} was given every permission, and no boundary"

    def damage(self, name: VaultName) -> str:
        """Change every stored body: both vaults of the twin's AWS lie in one folder."""
        for body in (self.home.aws / "objects").iterdir():
            body.write_bytes(b"x" * body.stat().st_size)
        return f"the bytes of every object in the {name} vault were changed"

    def _role_name(self, role: str) -> str:
        return f"{self.target.settings.platform.name}-{role}"

    def _find_names(self, target: CallTarget) -> CallNames:
        """Return what the words of a target's calls stand for now."""
        match target:
            case "primary vault" | "replica":
                return self._names_of_vault(target)
            case "copy elsewhere":
                return self._names_of_copy()
            case "files":
                return self._names_of_files()
            case "roles" | "writer's document":
                return name_roles(self.target.settings)
            case "Neon project" | "monitors" | "error tracking":
                return self._vendors.find_names()

    def _names_of_vault(self, target: CallTarget) -> CallNames:
        vault = find_vault(self.target.settings, target)
        return {
            **dataclasses.asdict(self._newest),
            **name_vault(vault, self._find_key(vault)),
            "stranger": f"arn:aws:iam::{vault.account}:root",
            "tomorrow": datetime.now(UTC) + timedelta(days=1),
        }

    def _find_key(self, vault: VaultNames) -> str:
        """Return the key's id, which only the service knows; a thief sees it in any object's head."""
        if vault.bucket not in self._key_ids:
            owner = administrator_key(self.home, vault.account)
            kms = boto3.client(
                "kms",
                region_name=vault.region,
                endpoint_url=self.target.aws_endpoint,
                aws_access_key_id=owner.id,
                aws_secret_access_key=owner.secret,
                config=Config(proxies={}),
            )
            self._key_ids[vault.bucket] = find_key_id(kms, vault)
        return self._key_ids[vault.bucket]

    def _names_of_copy(self) -> CallNames:
        """Return the names of the newest copy elsewhere: its encrypted dump, and its document."""
        if not self._copy_names:
            vault = self._open_elsewhere()
            listed = next((one for one in vault.list_copies() if one.content and not one.fault), None)
            if not listed or not listed.content:
                raise Failure("There is no copy elsewhere.", "make one: ./bulwark copy.")
            objects = [copied.encrypted for copied in listed.content.all_objects]
            encrypted = max(objects, key=lambda stored: stored.bytes)
            document = next(entry for entry in vault.stored.list_entries(listed.key))
            self._copy_names = {
                "bucket": vault.bucket,
                "dump": encrypted.key,
                "dump_version": encrypted.version,
                "manifest": document.key,
                "manifest_version": document.version,
            }
        return {
            **self._copy_names,
            "tomorrow": datetime.now(UTC) + timedelta(days=1),
        }

    def _names_of_files(self) -> CallNames:
        bucket = next(iter(self.target.settings.sources.values())).buckets[0]
        paths = sorted(path for path in (self.home.files / bucket).rglob("*") if path.is_file())
        keys = [str(path.relative_to(self.home.files / bucket)) for path in paths]
        return {"bucket": bucket, **{f"file_{number}": key for number, key in enumerate(keys[:1])}}


class _VendorClient:
    """The APIs of the copy's vendors, served in this process: no monitor probes, and no alert goes out."""

    def __init__(self, home: TwinHome) -> None:
        self._store = VendorStore(home.vendors)
        self._application = Starlette(routes=routes(home, TimeScale.from_environment()))

    def request(self, method: str, path: str, body: Mapping[str, Any], *, token: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._application)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                headers = {"Authorization": f"Bearer {token}"}
                return await client.request(method, path, json=body or None, headers=headers)

        return asyncio.run(send())

    def find_names(self) -> CallNames:
        def names(vendor: str, *kinds: str) -> list[str]:
            return [id_.rpartition("/")[2] for kind in kinds for id_ in self._store.list(vendor, kind)]

        [project, *_] = [*names("neon", "project"), ""]
        branches = names("neon", "branch")
        record = self._store.get("neon", "project", project) or {}
        uptimerobot = {
            "monitors": "monitor",
            "integrations": "integration",
            "alert-contacts": "alertContact",
            "maintenance-windows": "maintenanceWindow",
            "psps": "psp",
            "monitor-groups": "monitorGroup",
        }
        projects = self._store.list("sentry", "project")
        teams = self._store.list("sentry", "team")
        organization = next((one["organization"] for one in (*projects.values(), *teams.values())), "none")
        return {
            "project": project,
            "branch": branches[0] if branches else "none",
            "branches": branches,
            "endpoints": names("neon", "endpoint"),
            "databases": names("neon", "database"),
            "roles": names("neon", "role"),
            "history_seconds": record.get("historyRetentionSeconds", 0),
            **{word: names("uptimerobot", kind) for word, kind in uptimerobot.items()},
            "organization": organization,
            "workflows": names("sentry", "alert"),
            "detectors": names("sentry", "detector", "cronMonitor", "metricMonitor", "uptimeMonitor"),
            "projects": [one["slug"] for one in projects.values()],
            "teams": [one["slug"] for one in teams.values()],
        }


def _send_md5(request: AWSRequest, **_: Any) -> None:
    """Send the checksum that every store with S3's protocol knows, in place of AWS's own."""
    body = request.data
    checksums = [name for name in request.headers if name.lower().startswith(_CHECKSUMS)]
    if not checksums or not isinstance(body, bytes | str):
        return
    for name in checksums:
        del request.headers[name]
    md5 = hashlib.md5(body if isinstance(body, bytes) else body.encode(), usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(md5).decode()


def _explain_errors(errors: list[Any], refusal: str | None = None) -> CallAnswer:
    """Return the answer of a call that failed; `refusal` is one more code by which it is refused."""
    refused = all(error.get("Code") in {*_REFUSALS, refusal} for error in errors)
    text = f"{errors[0].get('Code')}: {errors[0].get('Message')}"
    return CallAnswer("refused" if refused else "unknown", "made", _shorten(text))


def _shorten(text: str) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= _SHOWN_LETTERS else f"{text[: _SHOWN_LETTERS - 1]}…"
