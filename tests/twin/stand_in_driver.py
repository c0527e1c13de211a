"""Drives a bridged stand-in in this process, step by step as the engine does."""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from twin.bridge_plugin import Bridge
from twin.host.home import TwinHome
from twin.provider.server import URN, PropertyChange, ResourceGoneError, ResourceType
from twin.provider.values import Properties

SCHEMAS = Path(__file__).parents[2] / "schemas"
CREDENTIALS = {"neon": "neon_api_key", "uptimerobot": "uptimerobot_api_key", "sentry": "sentry_auth_token"}


@dataclass
class Recorded:
    """What the engine's state knows of a resource."""

    kind: str
    id: str
    inputs: Properties
    state: Properties


def started(vendor: str, home: TwinHome, monkeypatch: pytest.MonkeyPatch, **configuration: Any) -> Bridge:
    """Return the stand-in as the engine has it before the first resource."""
    monkeypatch.setenv("BULWARK_TWIN", str(home.root))
    setting = "token" if vendor == "sentry" else "apiKey"
    bridge = Bridge()
    schema = json.loads((SCHEMAS / f"{vendor}.json").read_text())
    bridge.parameterize(base64.b64decode(schema["parameterization"]["parameter"]))
    bridge.configure({setting: home.secret(CREDENTIALS[vendor]), **configuration})
    return bridge


@dataclass
class Engine:
    """A stack of resources of one provider."""

    vendor: str
    bridge: Bridge
    resources: dict[str, Recorded] = field(default_factory=dict[str, Recorded])

    def kind(self, name: str) -> ResourceType:
        return self.bridge.kind(f"{self.vendor}:index/{name}:{name[0].upper()}{name[1:]}")

    def preview(self, name: str, kind: str, inputs: Properties) -> dict[str, PropertyChange]:
        """Return what `up` would change; a new resource has no changes."""
        known = self.resources.get(name)
        checked, refusals = self.kind(kind).check(name, inputs, known.inputs if known else {})
        assert not refusals, refusals
        return self.kind(kind).diff(known.state, known.inputs, checked) if known else {}

    def up(self, name: str, kind: str, /, **inputs: Any) -> Properties:
        """Make the resource so and return its state."""
        known = self.resources.get(name)
        checked, refusals = self.kind(kind).check(name, inputs, known.inputs if known else {})
        assert not refusals, refusals
        changes = self.preview(name, kind, inputs)
        if known is None or PropertyChange.REPLACE in changes.values():
            URN.set(f"urn:pulumi:test::bulwark::{self.vendor}:index/{kind}::{name}")
            identifier, state = self.kind(kind).create(checked)
            if known:
                self.kind(kind).delete(known.id, known.state)
            self.resources[name] = Recorded(kind, identifier, checked, state)
        elif changes:
            known.state = self.kind(kind).update(known.id, known.state, checked)
            known.inputs = checked
        return self.resources[name].state

    def refresh(self, name: str) -> bool:
        """Read the resource again; False when it is gone."""
        known = self.resources[name]
        try:
            known.inputs, known.state = self.kind(known.kind).read(known.id, known.state, known.inputs)
        except ResourceGoneError:
            del self.resources[name]
            return False
        return True

    def adopt(self, name: str, kind: str, identifier: str, /, **inputs: Any) -> dict[str, PropertyChange]:
        """Import by id and return how the program differs from what was found."""
        found, state = self.kind(kind).read(identifier, {}, {})
        self.resources[name] = Recorded(kind, state["id"], found, state)
        return self.preview(name, kind, inputs)

    def destroy(self, name: str) -> None:
        gone = self.resources.pop(name)
        self.kind(gone.kind).delete(gone.id, gone.state)
