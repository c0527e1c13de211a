"""Data stores: the resources that hold data."""

import re
from functools import cache
from typing import Final

from policies.facts.buckets import Buckets
from policies.facts.jobs import backup_jobs_of
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
"""Types that hold data and whose history store-has-history can judge."""

_NOT_STORES: Final = frozenset(
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
        # A part of a store, backed up with it.
        "aws:docdb/clusterInstance:ClusterInstance",
        "aws:neptune/clusterInstance:ClusterInstance",
        "aws:rds/clusterInstance:ClusterInstance",
        "gcp:sql/database:Database",
        "neon:index/database:Database",
        # A purchase.
        "aws:rds/reservedInstance:ReservedInstance",
    }
)
"""Types that look like stores, but hold no data."""

DATA_DEPENDS_ON: Final = frozenset(
    {
        "aws:kms/key:Key",  # data that it encrypted can't be read without it
        "gcp:sql/database:Database",
        "neon:index/database:Database",
        "neon:index/role:Role",  # a role that is created again has another password and owns nothing
    }
)
"""Types that hold no data, but whose deletion loses data or the access to it."""

_STORE_NAMES: Final = re.compile(
    r"(Bucket|Database(Cluster|Instance|Server)?|Data[Ss]tore|Disk|FileSystem|Keyspace|Ledger|ObjectStore|"
    r"StorageAccount|Volume)(V\d+)?$"
)
_AMBIGUOUS_NAMES: Final = re.compile(
    r"(Cluster|Db|Domain|Graph|Instance|Namespace|Project|Server|Table)(V\d+)?$"
)
_DATABASE_PRODUCTS: Final = re.compile(
    r"cassandra|clickhouse|cockroach|cosmos|couch|database|docdb|documentdb|dynamo|elasticsearch|influx|"
    r"keyspaces|maria|memorydb|mongo|neo4j|neon|neptune|opensearch|planetscale|postgres|qdrant|rds|redis|redshift|"
    r"spanner|sql|supabase|timescale|timestream|turso"
)


@cache
def is_store(token: str) -> bool:
    """Tell whether a type holds data; for an unknown type, whether its name looks like it."""
    if token in KNOWN_STORES or token in _NOT_STORES:
        return token in KNOWN_STORES
    package_and_module, _, name = token.rpartition(":")
    is_database = _DATABASE_PRODUCTS.search(package_and_module.lower())
    return bool(_STORE_NAMES.search(name) or (_AMBIGUOUS_NAMES.search(name) and is_database))


class Stores:
    """The data stores of a stack."""

    def __init__(self, stack: PolicyStack) -> None:
        """Find the stores. A component is a store if it publishes `holdsData`."""
        self.all: Final = [
            resource
            for resource in stack.resources
            if (resource.is_custom and is_store(resource.type))
            or (resource.is_component and resource.at("holdsData") not in (Absent(), Known(value=False)))
        ]
        """All stores, including access logs."""
        logs = stack.view(Buckets).access_logs
        self.data: Final = [store for store in self.all if store not in logs]
        """The stores without access logs, which need no backup."""


def data_stores(stack: PolicyStack) -> list[Resource]:
    """Return the data stores of a stack, without access logs."""
    return stack.view(Stores).data


def vendor_stores(stack: PolicyStack) -> list[Resource]:
    """Return the stores that this stack creates, without those that a component only publishes."""
    return [store for store in stack.view(Stores).all if store.is_custom]


def job_backed_stores(stack: PolicyStack) -> list[Resource]:
    """
    Return the data stores that need a backup by a scheduled job.

    A vault or a replicated bucket needs none; it is only included if a job protects it.
    """
    buckets = stack.view(Buckets)
    replicated = {
        *buckets.vaults,
        *(bucket for source, _, target in buckets.replications for bucket in (source, target)),
    }
    return [store for store in data_stores(stack) if store not in replicated or backup_jobs_of(store, stack)]
