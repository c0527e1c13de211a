from case import Case

from cases.stores import with_other

CASE = Case(
    rule="store-type-is-known",
    at="other",
    weak=(
        lambda s: [*s, *with_other("vendor:module/strangeBucket:StrangeBucket")],
        lambda s: [*s, *with_other("mongodbatlas:index/cluster:Cluster")],
    ),
    absent=(),
    unknown=(),
    fine=(
        lambda s: [*s, *with_other("aws:dynamodb/table:Table")],
        lambda s: [*s, *with_other("aws:ecs/cluster:Cluster")],
    ),
)
