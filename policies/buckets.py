"""How buckets hang together: who replicates into whom, and who keeps whose access log."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from policies.reading import Absent, Known, Reading, Unknown
from policies.resources import Resource, Stack
from policies.rule import undecided
from policies.stores import FailureDomain
from policies.wording import Text, say

BUCKET: Final = "aws:s3/bucket:Bucket"
_LOGGING: Final = "aws:s3/bucketLogging:BucketLogging"
_REPLICATION: Final = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
_ARN: Final = "arn:aws:s3:::"


class Buckets:
    """What the buckets of a stack are to each other."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._by_name = {
            name: bucket for bucket in stack.of(BUCKET) for name in _texts([bucket.at("bucket")])
        }
        self.access_logs: Final = {
            target
            for logging in stack.of(_LOGGING)
            for target in self._named(logging, "targetBucket")
            if target not in self._named(logging, "bucket")
        }
        """Buckets that keep another one's access log."""
        self.replications: Final = self._replications()
        """Bucket -> for each replication from or to it, what that lacks to keep a copy of all elsewhere."""

    def _replications(self) -> dict[Resource, list[list[Text]]]:
        found: dict[Resource, list[list[Text]]] = defaultdict(list)
        for replication in self._stack.of(_REPLICATION):
            sources, targets = self._named(replication, "bucket"), self._targets(replication)
            for bucket in sources:
                found[bucket].append(self._lack(replication, bucket, targets))
            for bucket in targets:
                found[bucket].append(self._lack(replication, bucket, sources))
        return found

    def _named(self, resource: Resource, name: str) -> list[Resource]:
        """Return the buckets that an input names or is made from."""
        return self._found(resource, name, _texts([resource.at(name)]))

    def _targets(self, replication: Resource) -> list[Resource]:
        arns = _texts(rule.at("destination", "bucket") for rule in replication.at("rules").each())
        return self._found(replication, "rules", [arn.removeprefix(_ARN) for arn in arns])

    def _found(self, resource: Resource, name: str, physical: list[str]) -> list[Resource]:
        made_from = (bucket for bucket in self._stack.behind(resource, name) if bucket.type == BUCKET)
        named = (self._by_name[text] for text in physical if text in self._by_name)
        return list(dict.fromkeys([*made_from, *named]))

    def _lack(self, replication: Resource, bucket: Resource, partners: list[Resource]) -> list[Text]:
        home = FailureDomain.of(bucket, self._stack)
        apart = [home.is_apart_from(FailureDomain.of(partner, self._stack)) for partner in partners]
        reasons = _lack_of_rules(replication)
        if not any(apart):
            reasons.append(
                undecided(replication, "failure domain")
                if None in apart
                else say(
                    "{replication} joins no bucket of another account or region", replication=replication
                )
            )
        return reasons


def _lack_of_rules(replication: Resource) -> list[Text]:
    rules = replication.at("rules").each()
    states = [rule.at("status") for rule in rules]
    reasons: list[Text] = []
    if Unknown() in states:
        reasons.append(undecided(replication, "status of a rule"))
    elif any(state != Known("Enabled") for state in states):
        reasons.append(say("{replication} has a rule that is not enabled", replication=replication))
    if not any(_takes_all(rule) for rule in rules):
        reasons.append(say("{replication} does not take the whole bucket", replication=replication))
    return reasons


def _takes_all(rule: Reading) -> bool:
    prefixes = (rule.at("prefix"), rule.at("filter", "prefix"))
    narrowing = (rule.at("filter", "tag"), rule.at("filter", "and"))
    return all(prefix in (Absent(), Known("")) for prefix in prefixes) and all(
        reading == Absent() for reading in narrowing
    )


def _texts(readings: Iterable[Reading]) -> list[str]:
    return [
        reading.value for reading in readings if isinstance(reading, Known) and isinstance(reading.value, str)
    ]
