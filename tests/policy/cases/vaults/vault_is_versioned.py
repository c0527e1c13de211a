from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, VAULT, both, change, drop, second

CASE = Case(
    rule="vault-is-versioned",
    at=BUCKET,
    weak=(
        change(f"{VAULT}-versioning", versioningConfiguration__status="Suspended"),
        second(f"{VAULT}-versioning", versioningConfiguration={"status": "Disabled"}),
        both(drop(f"{VAULT}-versioning"), change(BUCKET, versioning={"enabled": False})),
    ),
    absent=(
        drop(f"{VAULT}-versioning"),
        change(f"{VAULT}-versioning", versioningConfiguration__status=ABSENT),
        change(f"{VAULT}-versioning", versioningConfiguration=ABSENT),
    ),
    unknown=(
        change(f"{VAULT}-versioning", versioningConfiguration__status=UNKNOWN),
        change(f"{VAULT}-versioning", versioningConfiguration=UNKNOWN),
    ),
    secret=(change(f"{VAULT}-versioning", versioningConfiguration__status=secret("Enabled")),),
    fine=(both(drop(f"{VAULT}-versioning"), change(BUCKET, versioning={"enabled": True})),),
)
