from case import Case
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import marked

CASE = Case(
    rule="provider-tags-everything",
    at="aws",
    weak=(
        lambda s: alter(s, "aws", defaultTags="{}"),
        lambda s: alter(s, "aws", defaultTags={"tags": {"Project": "example", "Environment": "production"}}),
        lambda s: alter(
            s,
            "aws",
            defaultTags={"tags": {"Project": " ", "Environment": "production", "ManagedBy": "pulumi"}},
        ),
    ),
    absent=(lambda s: alter(s, "aws", defaultTags=ABSENT),),
    unknown=(
        lambda s: alter(s, "aws", defaultTags=UNKNOWN),
        lambda s: alter(
            s,
            "aws",
            defaultTags={"tags": {"Project": UNKNOWN, "Environment": "production", "ManagedBy": "pulumi"}},
        ),
    ),
    secret=(marked("aws", "defaultTags"),),
    fine=(
        lambda s: alter(
            s,
            "aws",
            defaultTags={"tags": {"Project": "a", "Environment": "b", "ManagedBy": "c", "Owner": "d"}},
        ),
    ),
)
