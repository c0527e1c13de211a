from case import Case

from cases.stores import with_other

CASE = Case(
    rule="type-is-classified",
    at="other",
    weak=(
        lambda s: [*s, *with_other("vendor:module/strangeBucket:StrangeBucket")],
        lambda s: [*s, *with_other("vendor:index/mailbox:Mailbox")],
        lambda s: [*s, *with_other("aws:rds/instanceOfTomorrow:InstanceOfTomorrow")],
        lambda s: [*s, *with_other("kubernetes:example.com/v1:Database")],
    ),
    absent=(),
    unknown=(),
    fine=(
        lambda s: [*s, *with_other("aws:dynamodb/table:Table")],
        lambda s: [*s, *with_other("aws:ecs/cluster:Cluster")],
        lambda s: [*s, *with_other("mongodbatlas:index/cluster:Cluster")],
        lambda s: [*s, *with_other("azure-native:storage/v20230101:StorageAccount")],
    ),
)
