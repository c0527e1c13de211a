"""
Who and what else is in the AWS accounts of the vaults: roles, users, access keys, issuers, buckets of nobody.

What an account's own policies let in can reach what is in it. So each of them is declared, or a reviewed
entry says whose it is.
"""

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from core.failure import Failure
from live.aws_access import AwsAccess, explain_errors
from live.declared import DeclaredStack
from live.finding import LiveFinding, Lookup, name

_OF_SERVICES: Final = "/aws-service-role/"
"""Path of the roles that AWS makes for its services; nobody else can take them on."""

_ROOT: Final = "<root_account>"
"""What a credential report calls the account's root (AWS IAM user guide, "Getting credential reports")."""

_REPORT_SECONDS: Final = 30
"""How long to wait for a credential report."""


class _Kind(NamedTuple):
    """
    A kind of thing in an account.

    `token` is the type that declares one, and `list_ids` yields the ids of all that exist, as a state has
    them.
    """

    title: str
    what: str
    token: str
    service: str
    list_ids: Callable[[Any], Iterable[str]]


def lookups(declared: DeclaredStack, access: AwsAccess) -> Iterator[Lookup]:
    """Yield the lookups of each account that has a bucket of the stack."""
    providers: dict[str, dict[str, Any]] = {}
    for bucket in declared.of_type("aws:s3/bucket:Bucket"):
        provider = declared.provider_of(bucket)
        accounts = provider.get("allowedAccountIds") or ("of the credentials",)
        providers.setdefault(str(accounts[0]), provider)
    for account, provider in providers.items():
        for kind in _KINDS:
            prefix = f"aws/account/{account}/{kind.title}/"
            yield Lookup(
                f"{kind.what}s of the AWS account {account}",
                prefix,
                lambda kind=kind, prefix=prefix, provider=provider: _find(
                    kind, prefix, declared, access, provider
                ),
            )


def _find(
    kind: _Kind, prefix: str, declared: DeclaredStack, access: AwsAccess, provider: Mapping[str, Any]
) -> Iterator[LiveFinding]:
    client = access.open_client(kind.service, provider)
    with explain_errors(f"listing each {kind.what} of the account"):
        found = sorted(kind.list_ids(client))
    known = declared.ids(kind.token)
    for identifier in found:
        if identifier not in known:
            yield LiveFinding(
                name(f"{prefix}{identifier}"),
                f"it is a {kind.what} that the stack does not declare, in an account of its vaults",
                "declare it, or remove it; or write into policies/undeclared.yaml whose it is.",
                can_be_reviewed=True,
                called=name(f"{prefix}{identifier}"),
            )


def _list_roles(iam: Any) -> Iterator[str]:
    for role in _pages(iam, "list_roles", "Roles"):
        if not str(role["Path"]).startswith(_OF_SERVICES):
            yield str(role["RoleName"])


def _list_users(iam: Any) -> Iterator[str]:
    return (row["user"] for row in _read_credential_report(iam) if row["user"] != _ROOT)


def _list_access_keys(iam: Any) -> Iterator[str]:
    """Yield `USER/1` and `USER/2` for the keys that work. No policy limits those of the root."""
    for row in _read_credential_report(iam):
        user = "root" if row["user"] == _ROOT else row["user"]
        for number in ("1", "2"):
            if row.get(f"access_key_{number}_active", "").lower() == "true":
                yield f"{user}/{number}"


def _read_credential_report(iam: Any) -> Iterator[dict[str, str]]:
    """Yield a row for each user and for the root; AWS makes a new report every four hours at most."""
    end = time.monotonic() + _REPORT_SECONDS
    while iam.generate_credential_report()["State"] != "COMPLETE":
        if time.monotonic() > end:
            raise Failure("AWS: the credential report of the account is not ready.", "run this again.")
        time.sleep(0.5)
    yield from csv.DictReader(iam.get_credential_report()["Content"].decode().splitlines())


def _list_issuers(iam: Any) -> Iterator[str]:
    return (str(one["Arn"]) for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"])


def _list_buckets(s3: Any) -> Iterator[str]:
    return (str(bucket["Name"]) for bucket in _pages(s3, "list_buckets", "Buckets"))


def _pages(client: Any, operation: str, key: str, **query: str) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator(operation).paginate(**query):
        yield from page.get(key, ())


_KINDS: Final = (
    _Kind("role", "role", "aws:iam/role:Role", "iam", _list_roles),
    _Kind("user", "user", "aws:iam/user:User", "iam", _list_users),
    _Kind("access-key", "access key", "", "iam", _list_access_keys),
    _Kind(
        "oidc-provider",
        "identity provider",
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        "iam",
        _list_issuers,
    ),
    _Kind("bucket", "bucket", "aws:s3/bucket:Bucket", "s3", _list_buckets),
)
