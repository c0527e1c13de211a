"""How each rule is tried: what a change of production makes of its verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from policy_harness import Toy

Change = Callable[[Sequence[Toy]], Sequence[Toy]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Production passes; each of these changes of it must end as its name says."""

    rule: str
    at: str
    """Name of the resource that violations must be reported on."""

    weak: Sequence[Change]
    """Present, but not good enough: refused. One change for each condition of the rule."""

    absent: Sequence[Change]
    """Not declared at all: refused."""

    unknown: Sequence[Change]
    """Not known in a preview: refused, as undecided. Empty only where nothing that it reads can be so."""

    secret: Sequence[Change] = ()
    """As good as before, but marked secret: passes. Empty only where nothing that it reads can be secret."""

    fine: Sequence[Change] = ()
    """Another way to comply: passes."""
