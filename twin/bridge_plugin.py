"""Runs as the plugin `terraform-provider`."""

import importlib
import json
import os
from typing import Any

from twin.host.home import HOME_VARIABLE, TwinHome
from twin.neon.provider import NEON
from twin.provider.schema import Package, package
from twin.provider.server import ResourceType, StandInError, serve
from twin.provider.terraform_resource import BridgedResource
from twin.provider.terraform_spec import VendorSpec
from twin.provider.validation import conform
from twin.provider.values import UNKNOWN, Properties, Secret, has_unknown
from twin.sentry.provider import SENTRY
from twin.uptimerobot.provider import UPTIMEROBOT
from twin.vendor.errors import VendorError
from twin.vendor.model import VendorModel

VERSION = "1.1.3"
_MODELS = {
    "neon": ("twin.neon.model", "Neon"),
    "uptimerobot": ("twin.uptimerobot.model", "UptimeRobot"),
    "sentry": ("twin.sentry.model", "Sentry"),
}
_VENDORS = {"neon": NEON, "uptimerobot": UPTIMEROBOT, "sentry": SENTRY}
_CREDENTIALS: dict[str, tuple[str, tuple[str, ...]]] = {
    "neon": ("apiKey", ("NEON_API_KEY",)),
    "uptimerobot": ("apiKey", ("UPTIMEROBOT_API_KEY",)),
    "sentry": ("token", ("SENTRY_AUTH_TOKEN", "SENTRY_TOKEN")),
}
"""The provider's input that holds the credential, and the environment variables that stand in for it."""


class Bridge:
    """Implements `twin.provider.server.StandIn` for the one provider that the parameter names."""

    def __init__(self) -> None:
        self._package: Package | None = None
        self._credential = ""
        self._model: VendorModel | None = None
        self._authenticated = False

    def parameterize(self, value: bytes) -> tuple[str, str]:
        """Take what the generated SDK carries: {"remote": {"url": ".../<vendor>", "version": ...}, ...}."""
        remote: dict[str, Any] = json.loads(value)["remote"]
        name = str(remote["url"]).rsplit("/", 1)[-1]
        if name not in _VENDORS:
            raise StandInError(f"The twin has no stand-in for {remote['url']}.")
        self._package = package(name)
        if self._package.version != remote["version"]:
            raise StandInError(
                f"The twin stands in for {name} {self._package.version}, not {remote['version']}:"
                f" renew schemas/{name}.json with the SDK."
            )
        return name, self._package.version

    def configure(self, configuration: Properties) -> None:
        name = self._vendor_package.name
        setting, variables = _CREDENTIALS[name]
        given = configuration.get(setting) or next(filter(None, map(os.environ.get, variables)), "")
        if not given:
            raise StandInError(f"{self._vendor.title}: set {setting}, or {' or '.join(variables)}.")
        if given is UNKNOWN:
            return
        self._credential = str(given)
        if (
            name == "sentry"
        ):  # its real provider asks for the vendor's health, with the token, before anything
            self._session()

    def kind(self, token: str) -> ResourceType:
        resource = self._vendor_package.resources.get(token)
        if resource is None:
            raise StandInError(f"There is no resource type {token}.")
        kind = token.partition("/")[2].partition(":")[0]
        return BridgedResource(self._vendor, kind, resource, self._session, self._unchecked)

    def invoke(self, token: str, arguments: Properties) -> Properties:
        function = self._vendor_package.functions.get(token)
        if function is None:
            raise StandInError(f"There is no function {token}.")
        asked, refusals = conform(arguments, function.inputs)
        if refusals:
            raise StandInError("; ".join(refusal.reason for refusal in refusals))
        if has_unknown(asked):
            return dict.fromkeys(function.outputs.fields, UNKNOWN)
        name = token.rsplit(":", 1)[-1]
        try:
            answer = {**asked, **self._session().lookup(name, asked)}
        except VendorError as refused:
            raise StandInError(
                f"{self._vendor.title} refused {name}: {refused.message} (HTTP {refused.status})"
            ) from refused
        return {
            field_name: Secret(answer[field_name]) if field.secret else answer[field_name]
            for field_name, field in function.outputs.fields.items()
            if answer.get(field_name) is not None
        }

    @property
    def _vendor_package(self) -> Package:
        if self._package is None:
            raise StandInError("The plugin was not told which provider to stand in for.")
        return self._package

    @property
    def _vendor(self) -> VendorSpec:
        return _VENDORS[self._vendor_package.name]

    def _session(self) -> VendorModel:
        model = self._unchecked()
        if not self._authenticated:
            try:
                model.authenticate(self._credential)
            except VendorError as refused:
                raise StandInError(
                    f"{self._vendor.title} refused the credential: {refused.message} (HTTP {refused.status})"
                ) from refused
            self._authenticated = True
        return model

    def _unchecked(self) -> VendorModel:
        if self._model is None:
            if HOME_VARIABLE not in os.environ:
                raise StandInError(f"{HOME_VARIABLE} is not set: run this stack with ./bulwark.")
            home = TwinHome.from_environment()
            if not home.root.exists():
                raise StandInError(f"There is no twin in {home.root}: run ./bulwark up.")
            self._model = _model(self._vendor_package.name, home)
        return self._model


def _model(name: str, home: TwinHome) -> VendorModel:
    """Import one vendor's model only: a plugin process serves one, and starts faster so."""
    module, class_name = _MODELS[name]
    return getattr(importlib.import_module(module), class_name)(home)


if __name__ == "__main__":
    serve(Bridge(), VERSION)
