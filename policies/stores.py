"""Which resources hold data, and where: the part of the world that takes them down with it."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from policies.reading import Absent, Known, Reading, Unknown
from policies.resources import Resource, Stack

_STORES: Final = frozenset({"kubernetes:core/v1:PersistentVolumeClaim", "neon:index/project:Project"})
"""Types that hold data and don't look like it."""

_HOLD_NOTHING: Final = frozenset(
    {
        # A view of data that other resources hold.
        "aws:athena/database:Database",
        "aws:datasync/fsxOpenZfsFileSystem:FsxOpenZfsFileSystem",
        "aws:datasync/locationFsxOntapFileSystem:LocationFsxOntapFileSystem",
        "aws:docdb/globalCluster:GlobalCluster",
        "aws:dynamodb/globalTable:GlobalTable",
        "aws:glue/catalogDatabase:CatalogDatabase",
        "aws:keyspaces/keyspace:Keyspace",
        "aws:memorydb/multiRegionCluster:MultiRegionCluster",
        "aws:neptune/globalCluster:GlobalCluster",
        "aws:rds/globalCluster:GlobalCluster",
        "aws:timestreamwrite/database:Database",
        # A part of a store, saved with it.
        "aws:docdb/clusterInstance:ClusterInstance",
        "aws:neptune/clusterInstance:ClusterInstance",
        "aws:rds/clusterInstance:ClusterInstance",
        "gcp:sql/database:Database",
        "neon:index/database:Database",
        # A purchase.
        "aws:rds/reservedInstance:ReservedInstance",
    }
)
"""Types that look like stores and aren't."""

_SPEAKING: Final = re.compile(
    r"(Bucket|Database(Cluster|Instance|Server)?|Data[Ss]tore|Disk|FileSystem|Keyspace|Ledger|ObjectStore|"
    r"StorageAccount|Volume)(V\d+)?$"
)
_GENERAL: Final = re.compile(r"(Cluster|Db|Domain|Graph|Instance|Namespace|Project|Server|Table)(V\d+)?$")
_DATABASE_MAKERS: Final = re.compile(
    r"cassandra|clickhouse|cockroach|cosmos|couch|database|docdb|documentdb|dynamo|elasticsearch|influx|"
    r"keyspaces|maria|memorydb|mongo|neo4j|neon|neptune|opensearch|planetscale|postgres|qdrant|rds|redis|redshift|"
    r"spanner|sql|supabase|timescale|timestream|turso"
)


def holds_data(resource: Resource) -> bool:
    """Tell whether to protect it: known to hold data, or, where the type is not known, looking like it."""
    return resource.is_custom and _is_store(resource.type)


@cache
def _is_store(token: str) -> bool:
    if token in _STORES or token in _HOLD_NOTHING:
        return token in _STORES
    package_and_module, _, name = token.rpartition(":")
    speaking, general = _SPEAKING.search(name), _GENERAL.search(name)
    return bool(speaking or (general and _DATABASE_MAKERS.search(package_and_module.lower())))


@dataclass(frozen=True)
class FailureDomain:
    """What fails together: everything of one provider, in one account and region."""

    provider: Reading
    account: Reading
    region: Reading

    @classmethod
    def published(cls, fact: Reading) -> "FailureDomain":
        return cls(fact.at("provider"), fact.at("account"), fact.at("region"))

    @classmethod
    def of(cls, store: Resource, stack: Stack) -> "FailureDomain":
        """Return what the nearest component around it publishes, completed by the store's own inputs."""
        facts = [ancestor.at("failureDomain") for ancestor in stack.around(store) if ancestor.is_component]
        fact = cls.published(_first(facts))
        own = (store.at("region"), store.at("regionId"), store.configuration("region"))
        return cls(
            provider=_first([fact.provider, Known(store.type.partition(":")[0])]),
            account=fact.account,
            region=_first([fact.region, *own]),
        )

    def is_apart_from(self, other: "FailureDomain") -> bool | None:
        """Tell whether one survives the other's loss; None where something unknown would decide."""
        provider = (self.provider, other.provider)
        pairs = (provider, (self.account, other.account), (self.region, other.region))
        if isinstance(self.provider, Known) and any(_differ(*pair) for pair in pairs):
            return True
        return None if any(isinstance(reading, Unknown) for pair in pairs for reading in pair) else False


def _differ(mine: Reading, theirs: Reading) -> bool:
    match mine, theirs:
        case Known(str(here)), Known(str(there)):
            return here.casefold() != there.casefold()
        case _:
            return False


def _first(readings: list[Reading]) -> Reading:
    """Return the first that isn't absent."""
    return next((reading for reading in readings if not isinstance(reading, Absent)), Absent())
