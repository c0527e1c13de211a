"""Which resources hold data."""

import re
from functools import cache
from typing import Final

from policies.facts.buckets import Buckets
from policies.facts.jobs import saving
from policies.framework.property_values import Absent, Known
from policies.framework.stack import PolicyStack, Resource

KNOWN_STORES: Final = frozenset(
    {
        "aws:dynamodb/table:Table",
        "aws:ebs/volume:Volume",
        "aws:efs/fileSystem:FileSystem",
        "aws:rds/cluster:Cluster",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "bulwark:index:Files",
        "kubernetes:core/v1:PersistentVolumeClaim",
        "neon:index/project:Project",
    }
)
"""Types that hold data, and of which the pack knows what their history is."""

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

GO_WITH_DATA: Final = frozenset(
    {
        "aws:kms/key:Key",  # what it encrypted can't be read without it
        "gcp:sql/database:Database",
        "neon:index/database:Database",
        "neon:index/role:Role",  # made anew, it has another password and owns nothing
    }
)
"""Types that hold nothing themselves, and with which data or the way to it would go."""

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


@cache
def is_store(token: str) -> bool:
    """Tell whether a type holds data: known to, or, where the type is not known, looking like it."""
    if token in KNOWN_STORES or token in _HOLD_NOTHING:
        return token in KNOWN_STORES
    package_and_module, _, name = token.rpartition(":")
    speaking, general = _SPEAKING.search(name), _GENERAL.search(name)
    return bool(speaking or (general and _DATABASE_MAKERS.search(package_and_module.lower())))


class Stores:
    """The data stores of a stack."""

    def __init__(self, stack: PolicyStack) -> None:
        """Look for them; a component is one that publishes `holdsData`."""
        self.all: Final = [
            resource
            for resource in stack.resources
            if (resource.is_custom and is_store(resource.type))
            or (resource.is_component and resource.at("holdsData") not in (Absent(), Known(value=False)))
        ]
        """Everything that holds anything, access logs included."""
        logs = stack.view(Buckets).access_logs
        self.data: Final = [store for store in self.all if store not in logs]
        """Those whose content would be missed."""


def data_stores(stack: PolicyStack) -> list[Resource]:
    """Return the subjects of rules about data."""
    return stack.view(Stores).data


def vendor_stores(stack: PolicyStack) -> list[Resource]:
    """Return the stores that this stack makes; one that exists elsewhere is only published."""
    return [store for store in stack.view(Stores).all if store.is_custom]


def saved_by_jobs(stack: PolicyStack) -> list[Resource]:
    """
    Return the data stores that a scheduled job must save, for nothing else does.

    A bucket that holds backups, or is replicated, is none of them, unless a job protects it as well.
    """
    buckets = stack.view(Buckets)
    others = {
        *buckets.vaults,
        *(bucket for source, _, target in buckets.replications for bucket in (source, target)),
    }
    return [store for store in data_stores(stack) if store not in others or saving(store, stack)]
