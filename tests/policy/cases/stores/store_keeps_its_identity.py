from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, with_options

from cases.stores import PROJECT

CASE = Case(
    rule="store-keeps-its-identity",
    at=PROJECT,
    weak=(
        lambda s: with_options(s, PROJECT, ignoreChanges=["quota"]),
        lambda s: with_options(s, PROJECT, deleteBeforeReplace=True),
        lambda s: alter(s, PROJECT, orgId=""),
    ),
    absent=(
        lambda s: with_options(s, PROJECT, ignoreChanges=[]),
        lambda s: alter(s, PROJECT, orgId=ABSENT),
        lambda s: alter(s, PROJECT, regionId=ABSENT),
        lambda s: alter(s, PROJECT, pgVersion=ABSENT),
    ),
    unknown=(lambda s: alter(s, PROJECT, orgId=UNKNOWN),),
    secret=(lambda s: alter(s, PROJECT, orgId=secret("org-example-00000000")),),
    fine=(lambda s: with_options(s, PROJECT, ignoreChanges=["storePassword", "branch"]),),
)
