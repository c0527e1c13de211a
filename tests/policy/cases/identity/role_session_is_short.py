from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import DEPLOYER, marked

CASE = Case(
    rule="role-session-is-short",
    at=DEPLOYER,
    weak=(
        lambda s: alter(s, DEPLOYER, maxSessionDuration=7201.0),
        lambda s: alter(s, DEPLOYER, maxSessionDuration="7200"),
    ),
    # What the provider fills in counts; where it says nothing either, nothing is known.
    absent=(
        lambda s: [
            replace(toy, outputs={}) if toy.name == DEPLOYER else toy
            for toy in alter(s, DEPLOYER, maxSessionDuration=ABSENT)
        ],
    ),
    unknown=(lambda s: alter(s, DEPLOYER, maxSessionDuration=UNKNOWN),),
    secret=(marked(DEPLOYER, "maxSessionDuration"),),
    fine=(lambda s: alter(s, DEPLOYER, maxSessionDuration=3600.0),),
)
