"""The program of the provider plugin `terraform-provider`, which serves one vendor's stand-in."""

import json
import os
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, Literal

from core.state_folder import HOME_VARIABLE
from twin.host.home import TwinHome
from twin.provider.schema import Package, load_package
from twin.provider.server import ResourceType, StandIn, StandInError, serve
from twin.provider.terraform_resource import BridgedResource
from twin.provider.terraform_spec import VendorSpec
from twin.provider.validation import convert_inputs
from twin.provider.values import UNKNOWN, Properties, Secret, has_unknown
from twin.vendor.errors import VendorError
from twin.vendor.faults import CREATION, Fault, take_fault
from twin.vendor.model import VendorModel

VERSION = "1.1.3"
_VENDORS = {
    "neon": ("twin.neon.provider:NEON", "twin.neon.model:Neon"),
    "uptimerobot": ("twin.uptimerobot.provider:UPTIMEROBOT", "twin.uptimerobot.model:UptimeRobot"),
    "sentry": ("twin.sentry.provider:SENTRY", "twin.sentry.model:Sentry"),
    "pagerduty": ("twin.pagerduty.provider:PAGERDUTY", "twin.pagerduty.model:PagerDutyAccount"),
    "railway": ("twin.railway.provider:RAILWAY", "twin.railway.model:Railway"),
    "vercel": ("twin.vercel.provider:VERCEL", "twin.vercel.model:Vercel"),
}
"""Each vendor's facts and model. The other vendors' are not imported: the plugin starts faster."""

_CREDENTIALS: dict[str, tuple[str, tuple[str, ...]]] = {
    "neon": ("apiKey", ("NEON_API_KEY",)),
    "uptimerobot": ("apiKey", ("UPTIMEROBOT_API_KEY",)),
    "sentry": ("token", ("SENTRY_AUTH_TOKEN", "SENTRY_TOKEN")),
    "pagerduty": ("token", ("PAGERDUTY_TOKEN",)),
    "railway": ("token", ("RAILWAY_TOKEN",)),
    "vercel": ("apiToken", ("VERCEL_API_TOKEN",)),
}
"""The provider's input with the credential, and the environment variables that are read without it."""

_CHECKS_TOKEN = frozenset(("sentry", "pagerduty"))
"""The real providers that ask their API, with the token, when they are configured."""


class BridgeStandIn(StandIn):
    """The bridged provider that the parameter names."""

    def __init__(self, package: Package | None = None) -> None:
        """Serve a package, or without one that which the engine names by the parameter."""
        self._package = package
        self._credential = ""
        self._model: VendorModel | None = None
        self._is_authenticated = {"reading": False, "writing": False}

    def parameterize(self, value: bytes) -> tuple[str, str]:
        """Read the generated SDK's parameter: {"remote": {"url": ".../<vendor>", "version": ...}, ...}."""
        remote: dict[str, Any] = json.loads(value)["remote"]
        name = str(remote["url"]).rsplit("/", 1)[-1]
        if name not in _VENDORS:
            raise StandInError(f"The twin has no stand-in for {remote['url']}.")
        self._package = load_package(name)
        if self._package.version != remote["version"]:
            raise StandInError(
                f"The twin stands in for {name} {self._package.version}, not {remote['version']}:"
                f" renew schemas/{name}.json with the SDK."
            )
        return name, self._package.version

    def configure(self, configuration: Properties) -> None:
        name = self._vendor_package.name
        setting, variables = _CREDENTIALS[name]
        credential = configuration.get(setting) or next(filter(None, map(os.environ.get, variables)), "")
        if not credential:
            raise StandInError(f"{self._vendor.title}: set {setting}, or {' or '.join(variables)}.")
        if credential is UNKNOWN:
            return
        self._credential = str(credential)
        if name in _CHECKS_TOKEN:
            self._open_session()

    def resource_type(self, token: str) -> ResourceType:
        schema = self._vendor_package.resources.get(token)
        if schema is None:
            raise StandInError(f"There is no resource type {token}.")
        return BridgedResource(
            self._vendor, _kind_of(token), schema, self._open_session, self._open_writer, self._open_model
        )

    def invoke(self, token: str, arguments: Properties) -> Properties:
        function = self._vendor_package.functions.get(token)
        if function is None:
            raise StandInError(f"There is no function {token}.")
        inputs, refusals = convert_inputs(arguments, function.inputs)
        if refusals:
            raise StandInError("; ".join(refusal.reason for refusal in refusals))
        if has_unknown(inputs):
            return dict.fromkeys(function.outputs.fields, UNKNOWN)
        name = token.rsplit(":", 1)[-1]
        try:
            outputs = {**inputs, **self._open_session().read_data_source(name, inputs)}
        except VendorError as error:
            raise StandInError(
                f"{self._vendor.title} refused {name}: {error.message} (HTTP {error.status})"
            ) from error
        return {
            field_name: Secret(outputs[field_name]) if field.secret else outputs[field_name]
            for field_name, field in function.outputs.fields.items()
            if outputs.get(field_name) is not None
        }

    def take_fault(self, token: str) -> Fault | None:
        return take_fault(self._open_model().store, CREATION, "CREATE", token)

    def repeats_creation(self, token: str, status: int) -> bool:
        return self._vendor.repeats_creation(_kind_of(token), status)

    @property
    def _vendor_package(self) -> Package:
        if self._package is None:
            raise StandInError("The plugin got no parameter that names its provider.")
        return self._package

    @property
    def _vendor(self) -> VendorSpec:
        facts, _ = _VENDORS[self._vendor_package.name]
        return resolve_name(facts)

    def _open_session(self) -> VendorModel:
        return self._authenticate("reading")

    def _open_writer(self) -> VendorModel:
        return self._authenticate("writing")

    def _authenticate(self, purpose: Literal["reading", "writing"]) -> VendorModel:
        model = self._open_model()
        if not self._is_authenticated[purpose]:
            try:
                model.authenticate(self._credential, writes=purpose == "writing")
            except VendorError as error:
                raise StandInError(
                    f"{self._vendor.title} refused the credential: {error.message} (HTTP {error.status})"
                ) from error
            self._is_authenticated[purpose] = True
        return model

    def _open_model(self) -> VendorModel:
        if self._model is None:
            if HOME_VARIABLE not in os.environ:
                raise StandInError(f"{HOME_VARIABLE} is not set: run this stack with ./bulwark.")
            home = TwinHome.from_environment()
            if not home.root.exists():
                raise StandInError(f"There is no twin in {home.root}: run ./bulwark up.")
            _, model = _VENDORS[self._vendor_package.name]
            open_model: Callable[[TwinHome], VendorModel] = resolve_name(model)
            self._model = open_model(home)
        return self._model


def _kind_of(token: str) -> str:
    return token.partition("/")[2].partition(":")[0]


if __name__ == "__main__":
    serve(BridgeStandIn(), VERSION)
