from case import Case
from policy_harness import ABSENT, UNKNOWN, secret

from cases.vaults import BUCKET, NAME, VAULT, add, aws, change, drop

CASE = Case(
    rule="bucket-ignores-access-control-lists",
    at=BUCKET,
    weak=(
        change(f"{VAULT}-ownership", rule__objectOwnership="ObjectWriter"),
        change(BUCKET, acl="private"),
        change(BUCKET, grants=[{"type": "Group", "permissions": ["READ"]}]),
        add(aws("s3/bucketAclV2:BucketAclV2", "acl", bucket=NAME, acl="public-read")),
    ),
    absent=(drop(f"{VAULT}-ownership"), change(f"{VAULT}-ownership", rule=ABSENT)),
    unknown=(
        change(f"{VAULT}-ownership", rule__objectOwnership=UNKNOWN),
        change(BUCKET, acl=UNKNOWN),
    ),
    secret=(change(f"{VAULT}-ownership", rule__objectOwnership=secret("BucketOwnerEnforced")),),
)
