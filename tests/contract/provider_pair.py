"""A real provider and its stand-in, side by side, each with a twin of its own."""

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from input_variations import variations
from plugin_driver import CheckResult, PlannedChange, Plugin, PluginResource, running_plugin
from vendor_process import Twin, fresh_home, running_twin

from toolchain.providers import PAGERDUTY, bridge_path, plugin_path
from twin.host.home import TwinHome
from twin.plugin_install import vendor_environment
from twin.provider.schema import ListOf, ObjectSchema, load_package
from twin.provider.values import Properties
from twin.vendor import faults
from twin.vendor.faults import Fault

_CREDENTIALS = {
    "neon": ("apiKey", "NEON_API_KEY"),
    "uptimerobot": ("apiKey", "UPTIMEROBOT_API_KEY"),
    "sentry": ("token", "SENTRY_AUTH_TOKEN"),
    "railway": ("token", "RAILWAY_TOKEN"),
    "vercel": ("apiToken", "VERCEL_API_TOKEN"),
    "pagerduty": ("token", "PAGERDUTY_TOKEN"),
}

PairedValues = tuple[Mapping[str, str], Mapping[str, str]]
"""Placeholder of an input -> its value at the real provider, and at the stand-in: ids differ."""


@dataclass(frozen=True)
class ProviderPair:
    """The real provider and the stand-in of one vendor."""

    vendor: str
    real: Plugin
    stand_in: Plugin

    def inputs(self, kind: str) -> ObjectSchema:
        """Return the schema of a kind's inputs."""
        token = f"{self.vendor}:index/{kind}:{kind[0].upper()}{kind[1:]}"
        return load_package(self.vendor).resources[token].inputs

    def find_disagreements(
        self,
        kind: str,
        base: Properties,
        where: Sequence[str] = (),
        whole: Callable[[Properties], Properties] = lambda inputs: inputs,
    ) -> list[str]:
        """
        Return the variations of `base` that only one of the two accepts, and the reason of the other.

        `base` is the part of the inputs at the path `where`; `whole` returns all inputs for such a part.
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
        disagreements: list[str] = []
        for how, part in variations(schema, base):
            inputs = whole(part)
            real, stand_in = self.real.check(kind, inputs), self.stand_in.check(kind, inputs)
            if real.accepted != stand_in.accepted:
                who = "the stand-in" if real.accepted else "the real provider"
                disagreements.append(f"{how}: {who} refuses: {_reason(real, stand_in)}")
        return disagreements

    def create(self, kind: str, inputs: Properties, values: PairedValues = ({}, {})) -> "PairedResource":
        """Create the resource through both; `values` replace placeholders among the inputs of each."""
        real, stand_in = (_with_values(one_side, inputs) for one_side in values)
        return PairedResource(
            kind, inputs, self.real.create(kind, real), self.stand_in.create(kind, stand_in), values
        )

    def find_disputed_changes(self, resource: "PairedResource") -> set[str]:
        """Return the inputs of a resource whose change the two plan differently, and how each does."""
        disputed: set[str] = set()
        for how, inputs in variations(self.inputs(resource.kind), resource.inputs):
            at_real, at_stand_in = (_with_values(values, inputs) for values in resource.values)
            real = _plan_summary(self.real.plan(resource.kind, resource.real, at_real))
            stand_in = _plan_summary(self.stand_in.plan(resource.kind, resource.stand_in, at_stand_in))
            if real != stand_in:
                disputed.add(f"{how.partition('=')[0]}: really {real}, in the twin {stand_in}")
        return disputed


@dataclass(frozen=True)
class PairedResource:
    """One resource, created through both providers."""

    kind: str
    inputs: Properties
    real: PluginResource
    stand_in: PluginResource
    values: PairedValues


@contextmanager
def running_pair(
    vendor: str, pulumi_home: Path, folder: Path, *, prepare: Callable[[TwinHome], None] = lambda _: None
) -> Generator[ProviderPair]:
    """Run the real provider and the stand-in, each with a twin of its own, which `prepare` fills."""
    with (
        running_provider(vendor, pulumi_home, folder / "real") as (twin, real),
        running_stand_in(vendor, folder / "stand-in", prepare=prepare) as standing,
    ):
        prepare(twin.home)
        yield ProviderPair(vendor, real, standing)


@contextmanager
def running_stand_in(
    vendor: str, folder: Path, *, prepare: Callable[[TwinHome], None] = lambda _: None
) -> Generator[Plugin]:
    """Run a vendor's stand-in alone, with a twin of its own."""
    setting, secret = _CREDENTIALS[vendor]
    home = fresh_home(folder)
    prepare(home)
    module = "twin.pagerduty_plugin" if vendor == "pagerduty" else "twin.bridge_plugin"
    with running_plugin(
        vendor,
        [sys.executable, "-P", "-m", module],
        {setting: home.secret(secret)},
        BULWARK_TWIN=str(home.root),
        PYTHONPATH=str(Path(__file__).parents[2]),
    ) as plugin:
        yield plugin


@contextmanager
def running_provider(
    vendor: str,
    pulumi_home: Path,
    folder: Path,
    *,
    credential: str | None = None,
    fault: Fault | None = None,
) -> Generator[tuple[Twin, Plugin]]:
    """Run the real provider against the HTTP API of a twin, with the right credential or another one."""
    setting, secret = _CREDENTIALS[vendor]
    with running_twin(folder) as twin:
        if fault:
            faults.plan(twin.store, vendor, fault)
        key = twin.home.secret(secret) if credential is None else credential
        # PagerDuty's provider takes its API's address as an input, and no program of this project sets it.
        own = {"apiUrlOverride": f"{twin.url}/pagerduty"} if vendor == "pagerduty" else {}
        program = plugin_path(pulumi_home, *PAGERDUTY) if own else bridge_path(pulumi_home)
        with running_plugin(
            vendor,
            [program],
            {setting: key, **own},
            PULUMI_HOME=str(pulumi_home),
            **vendor_environment(twin.home),
        ) as real:
            yield twin, real


def _with_values(values: Mapping[str, str], inputs: Properties) -> Properties:
    return {
        name: values.get(value, value) if isinstance(value, str) else value for name, value in inputs.items()
    }


def _plan_summary(plan: PlannedChange | CheckResult) -> str:
    if isinstance(plan, CheckResult):
        return "refused"
    if plan.replaces:
        return f"replaced for {', '.join(sorted(plan.replaces))}"
    return "updated" if plan.changes else "unchanged"


def _reason(real: CheckResult, stand_in: CheckResult) -> str:
    return "; ".join(real.refusals or stand_in.refusals)[:300]
