"""Drives a bridged stand-in in this process, step by step as the engine does."""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from twin.bridge_plugin import BridgeStandIn
from twin.host.home import TwinHome
from twin.provider.schema import load_package
from twin.provider.server import URN, PropertyChange, ResourceGoneError, ResourceType
from twin.provider.values import Properties

SCHEMAS = Path(__file__).parents[2] / "schemas"
CREDENTIALS = {
    "neon": "NEON_API_KEY",
    "uptimerobot": "UPTIMEROBOT_API_KEY",
    "sentry": "SENTRY_AUTH_TOKEN",
    "pagerduty": "PAGERDUTY_TOKEN",
    "railway": "RAILWAY_TOKEN",
    "vercel": "VERCEL_API_TOKEN",
}
_SETTINGS = {"sentry": "token", "pagerduty": "token", "railway": "token", "vercel": "apiToken"}


@dataclass
class ResourceState:
    """A resource in the engine's state."""

    kind: str
    id: str
    inputs: Properties
    state: Properties


def start_bridge(
    vendor: str, home: TwinHome, monkeypatch: pytest.MonkeyPatch, **configuration: Any
) -> BridgeStandIn:
    """Return the stand-in, configured as the engine does it before the first resource."""
    monkeypatch.setenv("BULWARK_TWIN", str(home.root))
    setting = _SETTINGS.get(vendor, "apiKey")
    schema = json.loads((SCHEMAS / f"{vendor}.json").read_text())
    if parameterization := schema.get("parameterization"):
        bridge = BridgeStandIn()
        bridge.parameterize(base64.b64decode(parameterization["parameter"]))
    else:
        bridge = BridgeStandIn(load_package(vendor))
    bridge.configure({setting: home.secret(CREDENTIALS[vendor]), **configuration})
    return bridge


@dataclass
class Engine:
    """A stack of resources of one provider."""

    vendor: str
    bridge: BridgeStandIn
    resources: dict[str, ResourceState] = field(default_factory=dict[str, ResourceState])

    def resource_type(self, name: str) -> ResourceType:
        return self.bridge.resource_type(f"{self.vendor}:index/{name}:{name[0].upper()}{name[1:]}")

    def preview(self, name: str, kind: str, inputs: Properties) -> dict[str, PropertyChange]:
        """Return what `up` would change; a new resource has no changes."""
        known = self.resources.get(name)
        checked, refusals = self.resource_type(kind).check(name, inputs, known.inputs if known else {})
        assert not refusals, refusals
        return self.resource_type(kind).diff(known.state, known.inputs, checked) if known else {}

    def up(self, name: str, kind: str, /, **inputs: Any) -> Properties:
        """Create or change the resource, and return its state."""
        known = self.resources.get(name)
        checked, refusals = self.resource_type(kind).check(name, inputs, known.inputs if known else {})
        assert not refusals, refusals
        changes = self.preview(name, kind, inputs)
        if known is None or PropertyChange.REPLACE in changes.values():
            URN.set(f"urn:pulumi:test::bulwark::{self.vendor}:index/{kind}::{name}")
            identifier, state = self.resource_type(kind).create(checked)
            if known:
                self.resource_type(kind).delete(known.id, known.state)
            self.resources[name] = ResourceState(kind, identifier, checked, state)
        elif changes:
            known.state = self.resource_type(kind).update(known.id, known.state, checked)
            known.inputs = checked
        return self.resources[name].state

    def refresh(self, name: str) -> bool:
        """Read the resource again; False when it is gone."""
        known = self.resources[name]
        try:
            known.inputs, known.state = self.resource_type(known.kind).read(
                known.id, known.state, known.inputs
            )
        except ResourceGoneError:
            del self.resources[name]
            return False
        return True

    def import_resource(
        self, name: str, kind: str, identifier: str, /, **inputs: Any
    ) -> dict[str, PropertyChange]:
        """Import by id and return how the program differs from what was found."""
        imported, state = self.resource_type(kind).read(identifier, {}, {})
        self.resources[name] = ResourceState(kind, state["id"], imported, state)
        return self.preview(name, kind, inputs)

    def destroy(self, name: str) -> None:
        gone = self.resources.pop(name)
        self.resource_type(gone.kind).delete(gone.id, gone.state)
