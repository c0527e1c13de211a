from case import Case
from policy_harness import Toy, with_options

from cases.stores import VAULT

CASE = Case(
    rule="store-is-protected",
    at=VAULT,
    weak=(lambda s: with_options(s, VAULT, protect=False),),
    absent=(
        lambda s: [
            Toy(toy.type, toy.name, toy.inputs, toy.parent, provider=toy.provider)
            if toy.name == VAULT
            else toy
            for toy in s
        ],
    ),
    unknown=(),
)
