"""How buckets hang together: who replicates into whom, and who keeps whose access log."""

from typing import Final

from policies.reading import Absent, Known, Reading, Unknown
from policies.resources import Resource, Stack
from policies.rule import undecided
from policies.stores import FailureDomain
from policies.wording import Text, say

BUCKET: Final = "aws:s3/bucket:Bucket"
_LOGGING: Final = "aws:s3/bucketLogging:BucketLogging"
_REPLICATION: Final = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"


def is_access_log(bucket: Resource, stack: Stack) -> bool:
    """Tell whether another bucket's access log goes there."""
    return any(
        _names(logging, "targetBucket", bucket) and not _names(logging, "bucket", bucket)
        for logging in stack.of(_LOGGING)
    )


def replications(bucket: Resource, stack: Stack) -> list[list[Text]]:
    """Return for each replication from or to a bucket what it lacks to keep a copy of all elsewhere."""
    found: list[list[Text]] = []
    for replication in stack.of(_REPLICATION):
        buckets = stack.of(BUCKET)
        sources = [other for other in buckets if _names(replication, "bucket", other)]
        targets = [other for other in buckets if _is_target(replication, other)]
        if bucket in sources:
            found.append(_shortcomings(replication, bucket, targets, stack))
        elif bucket in targets:
            found.append(_shortcomings(replication, bucket, sources, stack))
    return found


def _names(resource: Resource, name: str, bucket: Resource) -> bool:
    physical = bucket.at("bucket")
    same_name = isinstance(physical, Known) and resource.at(name) == physical
    return same_name or resource.depends_on(bucket, through=name)


def _is_target(replication: Resource, bucket: Resource) -> bool:
    if replication.depends_on(bucket, through="rules"):
        return True
    match bucket.at("bucket"):
        case Known(str(name)):
            arn = Known(f"arn:aws:s3:::{name}")
            return any(rule.at("destination", "bucket") == arn for rule in replication.at("rules").each())
        case _:
            return False


def _shortcomings(
    replication: Resource, bucket: Resource, partners: list[Resource], stack: Stack
) -> list[Text]:
    rules = replication.at("rules").each()
    states = [rule.at("status") for rule in rules]
    home = FailureDomain.of(bucket, stack)
    apart = [home.is_apart_from(FailureDomain.of(partner, stack)) for partner in partners]
    reasons: list[Text] = []
    if Unknown() in states:
        reasons.append(undecided(replication, "status of a rule"))
    elif any(state != Known("Enabled") for state in states):
        reasons.append(say("{replication} has a rule that is not enabled", replication=replication))
    if not any(_takes_all(rule) for rule in rules):
        reasons.append(say("{replication} does not take the whole bucket", replication=replication))
    if not any(apart):
        reasons.append(
            undecided(replication, "failure domain")
            if None in apart
            else say("{replication} joins no bucket of another account or region", replication=replication)
        )
    return reasons


def _takes_all(rule: Reading) -> bool:
    prefixes = (rule.at("prefix"), rule.at("filter", "prefix"))
    narrowing = (rule.at("filter", "tag"), rule.at("filter", "and"))
    return all(prefix in (Absent(), Known("")) for prefix in prefixes) and all(
        reading == Absent() for reading in narrowing
    )
