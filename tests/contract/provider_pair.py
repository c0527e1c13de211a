"""A real provider and its stand-in, side by side, each with a twin of its own."""

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from input_variations import variations
from plugin_driver import Existing, Planned, Plugin, Verdict, running
from vendor_process import Twin, fresh_home, running_twin

from toolchain.providers import bridge
from twin.plugin_install import addresses
from twin.provider.schema import ListOf, ObjectSchema, package
from twin.provider.values import Properties
from twin.vendor import faults
from twin.vendor.faults import Fault

_CREDENTIALS = {
    "neon": ("apiKey", "neon_api_key"),
    "uptimerobot": ("apiKey", "uptimerobot_api_key"),
    "sentry": ("token", "sentry_auth_token"),
}

Places = tuple[Mapping[str, str], Mapping[str, str]]
"""What a value is at the real vendor, and what in the stand-in's twin: ids differ."""


@dataclass(frozen=True)
class Pair:
    """Both, for one vendor."""

    vendor: str
    real: Plugin
    stand_in: Plugin

    def inputs(self, kind: str) -> ObjectSchema:
        """Return the schema of a kind's inputs."""
        token = f"{self.vendor}:index/{kind}:{kind[0].upper()}{kind[1:]}"
        return package(self.vendor).resources[token].inputs

    def disagreements(
        self,
        kind: str,
        base: Properties,
        where: Sequence[str] = (),
        whole: Callable[[Properties], Properties] = lambda inputs: inputs,
    ) -> list[str]:
        """
        Return the variations of `base` that one of them accepts and the other refuses, and its reason.

        `base` is a part of the inputs: that at the path `where`, which `whole` completes.
        """
        complete = whole(base)
        assert (self.real.check(kind, complete).refusals, self.stand_in.check(kind, complete).refusals) == (
            (),
            (),
        )
        schema = self.inputs(kind)
        for name in where:
            type_ = schema.fields[name].type
            schema = type_.item if isinstance(type_, ListOf) else type_
            assert isinstance(schema, ObjectSchema)
        found: list[str] = []
        for how, part in variations(schema, base):
            inputs = whole(part)
            real, stand_in = self.real.check(kind, inputs), self.stand_in.check(kind, inputs)
            if real.accepted != stand_in.accepted:
                who = "the stand-in" if real.accepted else "the real provider"
                found.append(f"{how}: {who} refuses: {_reason(real, stand_in)}")
        return found

    def create(self, kind: str, inputs: Properties, places: Places = ({}, {})) -> "Made":
        """Make the resource at both vendors; `places` says what some of its inputs are called at each."""
        real, stand_in = (_at(place, inputs) for place in places)
        return Made(kind, inputs, self.real.create(kind, real), self.stand_in.create(kind, stand_in), places)

    def disputed_changes(self, made: "Made") -> set[str]:
        """Return the inputs of a resource whose change the two plan differently, and how each does."""
        found: set[str] = set()
        for how, inputs in variations(self.inputs(made.kind), made.inputs):
            at_real, at_stand_in = (_at(place, inputs) for place in made.places)
            real = _plan(self.real.plan(made.kind, made.real, at_real))
            stand_in = _plan(self.stand_in.plan(made.kind, made.stand_in, at_stand_in))
            if real != stand_in:
                found.add(f"{how.partition('=')[0]}: really {real}, in the twin {stand_in}")
        return found


@dataclass(frozen=True)
class Made:
    """One resource at both vendors."""

    kind: str
    inputs: Properties
    real: Existing
    stand_in: Existing
    places: Places


@contextmanager
def paired(vendor: str, pulumi_home: Path, folder: Path) -> Generator[Pair]:
    """Start both, each with a twin of its own."""
    setting, secret = _CREDENTIALS[vendor]
    home = fresh_home(folder / "stand-in")
    stand_in = [sys.executable, "-P", "-m", "twin.bridge_plugin"]
    with (
        at_the_door(vendor, pulumi_home, folder / "real") as (_, real),
        running(
            vendor,
            stand_in,
            {setting: home.secret(secret)},
            BULWARK_TWIN=str(home.root),
            PYTHONPATH=str(Path(__file__).parents[2]),
        ) as standing,
    ):
        yield Pair(vendor, real, standing)


@contextmanager
def at_the_door(
    vendor: str,
    pulumi_home: Path,
    folder: Path,
    *,
    credential: str | None = None,
    fault: Fault | None = None,
) -> Generator[tuple[Twin, Plugin]]:
    """Start the real provider; it meets its vendor at the HTTP door of a twin, with the right credential."""
    setting, secret = _CREDENTIALS[vendor]
    with running_twin(folder) as twin:
        if fault:
            faults.plan(twin.store, vendor, fault)
        key = twin.home.secret(secret) if credential is None else credential
        with running(
            vendor,
            [bridge(pulumi_home)],
            {setting: key},
            PULUMI_HOME=str(pulumi_home),
            **addresses(twin.home),
        ) as real:
            yield twin, real


def _at(place: Mapping[str, str], inputs: Properties) -> Properties:
    return {
        name: place.get(value, value) if isinstance(value, str) else value for name, value in inputs.items()
    }


def _plan(said: Planned | Verdict) -> str:
    if isinstance(said, Verdict):
        return "refused"
    if said.replaces:
        return f"replaced for {', '.join(sorted(said.replaces))}"
    return "updated" if said.changes else "unchanged"


def _reason(real: Verdict, stand_in: Verdict) -> str:
    return "; ".join(real.refusals or stand_in.refusals)[:300]
