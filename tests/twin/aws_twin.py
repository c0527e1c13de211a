"""The AWS service of a private twin, and the stand-in's resource types as the engine would drive them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import pytest
from botocore.config import Config

from twin.aws.provider.stand_in import AwsStandIn
from twin.host.home import HOME_VARIABLE, TwinHome
from twin.provider.server import URN, PropertyChange, ResourceGoneError, ResourceType
from twin.provider.values import Properties, from_wire, has_unknown, to_wire

START_SECONDS = 30.0


class Service:
    """One service process on a private home."""

    def __init__(self, root: Path, **variables: str) -> None:
        self.home = TwinHome(root)
        self.variables = variables
        self.home.create()
        self.log = root / "logs" / "aws.log"
        self.url = f"http://127.0.0.1:{self.home.port('aws')}"
        self.start()

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "twin.aws.service"],
                env={"PATH": os.defpath, HOME_VARIABLE: str(self.home.root), **self.variables},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Ask it to end, and see that it does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def client(self, service: str, region: str = "us-east-1") -> Any:
        return botocore.session.Session().create_client(
            service,
            region_name=region,
            endpoint_url=self.url,
            config=Config(retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}),
            aws_access_key_id="k",
            aws_secret_access_key="planted-secret-key",
        )

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/moto-api/", timeout=5).status_code < 500
        except httpx.HTTPError:
            return False


@contextmanager
def running(root: Path, **variables: str) -> Generator[Service]:
    """Run a service with `root` as its home, which the stand-in finds in the environment."""
    service = Service(root, **variables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(root))
        try:
            yield service
        finally:
            service.kill()


class Engine:
    """Drives one provider's resource types through the steps of `up`, `refresh`, `import` and `destroy`."""

    def __init__(self, **configuration: Any) -> None:
        self.stand_in = AwsStandIn()
        self.stand_in.configure({"region": "us-east-1", **configuration})

    def up(self, token: str, logical_name: str = "res", /, **inputs: Any) -> "Resource":
        resource = Resource(self.stand_in.kind(token), token, logical_name)
        resource.check(inputs)
        resource.create()
        return resource

    def imported(self, token: str, identifier: str) -> "Resource":
        resource = Resource(self.stand_in.kind(token), token, "imported")
        resource.identifier = identifier
        resource.inputs, resource.state = resource.kind.read(identifier, {}, {})
        return resource


class Resource:
    """A resource as the stack's state has it. Values travel over the wire format, as they would."""

    def __init__(self, kind: ResourceType, token: str, name: str) -> None:
        self.kind, self.token, self.name = kind, token, name
        self.inputs: Properties = {}
        self.state: Properties = {}
        self.identifier = ""

    def check(self, inputs: Properties) -> None:
        self.act()
        self.inputs, refusals = self.kind.check(self.name, _wired(inputs), self.inputs)
        assert not refusals, refusals

    def refused(self, **inputs: Any) -> list[str]:
        _, refusals = self.kind.check(self.name, _wired(inputs), {})
        return [refusal.property for refusal in refusals]

    def create(self) -> None:
        self.act()
        planned = self.kind.plan({}, self.inputs)
        self.identifier, state = self.kind.create(self.inputs)
        self.state = _wired(state)
        foretold = {name: value for name, value in planned.items() if not has_unknown(value)}
        assert foretold == {name: self.state.get(name) for name in foretold}
        assert self.changes(**self.inputs) == {}, "a second up would change something"
        self.refresh()
        assert self.drift() == {}, "a refresh would show something"

    def changes(self, **inputs: Any) -> dict[str, PropertyChange]:
        """Return what a preview with these inputs shows."""
        self.act()
        wanted, refusals = self.kind.check(self.name, _wired(inputs), self.inputs)
        assert not refusals, refusals
        return self.kind.diff(self.state, self.inputs, wanted)

    def update(self, **inputs: Any) -> None:
        changes = self.changes(**inputs)
        assert changes
        assert PropertyChange.REPLACE not in changes.values(), changes
        wanted, _ = self.kind.check(self.name, _wired(inputs), self.inputs)
        self.state = _wired(self.kind.update(self.identifier, self.state, wanted))
        self.inputs = wanted
        assert self.changes(**inputs) == {}
        self.refresh()
        assert self.drift() == {}

    def refresh(self) -> None:
        """Read, and keep what is found as the new state (the program's inputs stay what they are)."""
        self.act()
        inputs, state = self.kind.read(self.identifier, self.state, self.inputs)
        self.found_inputs, self.state = inputs, _wired(state)

    def drift(self) -> dict[str, PropertyChange]:
        """Return how the state as it was last read differs from what the program wants."""
        return self.kind.diff(self.state, self.inputs, self.inputs)

    def is_gone(self) -> bool:
        self.act()
        try:
            self.kind.read(self.identifier, self.state, self.inputs)
        except ResourceGoneError:
            return True
        return False

    def delete(self) -> None:
        self.act()
        self.kind.delete(self.identifier, self.state)

    def act(self) -> None:
        URN.set(f"urn:pulumi:test::test::{self.token}::{self.name}")


def _wired(properties: Properties) -> Properties:
    return from_wire(to_wire(properties))
