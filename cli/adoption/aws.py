"""
What may exist in the AWS accounts: GitHub's issuer, roles, keys, buckets, and whatever else has a fixed name.

A setting of a bucket, an inline policy and a rule of EventBridge are not looked for: AWS writes each of them
over what is there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from cli.adoption.finding import ResourceKind, VendorObject, Vendors
from components.github_oidc import OIDC_AUDIENCE
from components.guard import DELETION_WINDOW_DAYS
from live.aws_access import explain_errors
from live.declared import StateResource, inputs_of
from recovery.vault.client import error_code

_KEY: Final = "aws:kms/key:Key"
_NO_LOCK: Final = (
    "it has no Object Lock, without which a vault can be emptied: turn it on at S3, with versioning."
)

SIGN_IN: Final = "sign in as an administrator of the account (AWS_PROFILE), and run this again."


def _list_pages(
    service: str,
    operation: str,
    key: str,
    to_object: Callable[[Mapping[str, Any]], VendorObject],
    **query: str,
) -> Callable[[Vendors, StateResource], Iterator[VendorObject]]:
    def ask(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
        client = vendors.client(service, resource)
        # AWS provider, "Enhanced Region Support": an import names another region than the provider's so.
        region = inputs_of(resource).get("region")
        with explain_errors(f"asking {service} for its {key}", next_step=SIGN_IN):
            answers = vendors.ask_once(
                (client, operation),
                lambda: [
                    item for page in client.get_paginator(operation).paginate(**query) for item in page[key]
                ],
            )
        for item in map(to_object, answers):
            yield replace(item, import_id=f"{item.id}@{region}") if region else item

    return ask


def _list_issuers(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
    iam = vendors.client("iam", resource)
    with explain_errors("looking for GitHub's issuer", next_step=SIGN_IN):
        for item in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            arn = str(item["Arn"])
            audiences = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]
            obstacle = (
                f"it does not know the audience {OIDC_AUDIENCE}: `aws iam add-client-id-to-open-id-connect-"
                f"provider --open-id-connect-provider-arn {arn} --client-id {OIDC_AUDIENCE}`."
            )
            fields = {"url": arn.partition(":oidc-provider/")[2]}
            yield VendorObject(arn, fields, obstacle="" if OIDC_AUDIENCE in audiences else obstacle)


def _list_keys(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
    """Yield the keys of the account and region. A key has no name; its description is the stack's own."""
    for key, description in _keys(vendors, resource).items():
        yield VendorObject(key, {"description": description})


def _keys(vendors: Vendors, resource: StateResource) -> dict[str, str]:
    """Return id -> description of the keys that are in use."""
    kms = vendors.client("kms", resource)

    def ask() -> dict[str, str]:
        with explain_errors("looking for keys", next_step=SIGN_IN):
            pages = kms.get_paginator("list_keys").paginate()
            listed = [
                kms.describe_key(KeyId=item["KeyId"])["KeyMetadata"]
                for page in pages
                for item in page["Keys"]
            ]
        return {
            key["KeyId"]: key["Description"]
            for key in listed
            if key["KeyManager"] == "CUSTOMER" and not key["KeyState"].startswith("Pending")
        }

    return vendors.ask_once((kms, "keys"), ask)


def _list_aliases(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
    kms = vendors.client("kms", resource)
    keys = _keys(vendors, resource)
    declared = {inputs_of(item).get("description") for item in vendors.declared.of_type(_KEY)}
    with explain_errors("looking for aliases of keys", next_step=SIGN_IN):
        pages = list(kms.get_paginator("list_aliases").paginate())
    for item in (alias for page in pages for alias in page["Aliases"] if "TargetKeyId" in alias):
        target = item["TargetKeyId"]
        obstacle = (
            f"it is of the key {target}, which is not the stack's: point it elsewhere, or delete it."
            if keys.get(target) not in declared
            else ""
        )
        yield VendorObject(item["AliasName"], {"name": item["AliasName"]}, obstacle=obstacle)


def _list_buckets(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
    """Yield the bucket of the declared name, which may be in any account: a name is S3's as a whole."""
    name = str(inputs_of(resource)["bucket"])
    provider = vendors.provider_of(resource)
    (account,), region = provider["allowedAccountIds"], provider["region"]
    s3 = vendors.client("s3", resource)
    with explain_errors(f"looking for the bucket {name}", next_step=SIGN_IN):
        try:
            found = s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
        except s3.exceptions.ClientError as error:
            if error_code(error) in {"404", "NoSuchBucket"}:
                return
            if error_code(error) not in {"403", "AccessDenied"}:
                raise
            reason = f"it is not of the account {account}, or these credentials may not look at it."
            yield VendorObject(name, {"bucket": name}, obstacle=reason)
            return
        obstacle = ""
        if found.get("BucketRegion", region) != region:
            obstacle = f"it lies in {found['BucketRegion']}, and the settings say {region}."
        elif inputs_of(resource).get("objectLockEnabled") and not _is_locked(s3, name):
            obstacle = _NO_LOCK
        yield VendorObject(name, {"bucket": name}, obstacle=obstacle)


def _is_locked(s3: Any, bucket: str) -> bool:
    try:
        found = s3.get_object_lock_configuration(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        if error_code(error) == "ObjectLockConfigurationNotFoundError":
            return False
        raise
    return found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"


def _read_name(id_: str, name: str) -> Callable[[Mapping[str, Any]], VendorObject]:
    """Return what makes an object of an answer, by the answer's members of its id and its name."""
    return lambda item: VendorObject(str(item[id_]), {"name": str(item[name]).rpartition(":")[2]})


KINDS: Final = (
    ResourceKind(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        "issuer of identities",
        _list_issuers,
        ("url",),
        setting="reference",
    ),
    ResourceKind(
        "aws:iam/role:Role",
        "role",
        _list_pages("iam", "list_roles", "Roles", _read_name("RoleName", "RoleName")),
    ),
    ResourceKind(
        "aws:iam/policy:Policy",
        "policy",
        _list_pages("iam", "list_policies", "Policies", _read_name("Arn", "PolicyName"), Scope="Local"),
    ),
    ResourceKind(
        _KEY,
        "key",
        _list_keys,
        ("description",),
        # Its policy is that of the first one, which denies it to everybody else.
        deletion="delete it as break-glass: `aws kms schedule-key-deletion --pending-window-in-days "
        f"{DELETION_WINDOW_DAYS} --key-id` with its id",
    ),
    ResourceKind("aws:kms/alias:Alias", "alias of a key", _list_aliases),
    ResourceKind("aws:s3/bucket:Bucket", "bucket", _list_buckets, ("bucket",)),
    ResourceKind(
        "aws:secretsmanager/secret:Secret",
        "secret",
        _list_pages("secretsmanager", "list_secrets", "SecretList", _read_name("ARN", "Name")),
    ),
    ResourceKind(
        "aws:sns/topic:Topic",
        "topic",
        _list_pages("sns", "list_topics", "Topics", _read_name("TopicArn", "TopicArn")),
    ),
    ResourceKind(
        "aws:cloudtrail/trail:Trail",
        "trail",
        _list_pages("cloudtrail", "list_trails", "Trails", _read_name("TrailARN", "Name")),
    ),
)
