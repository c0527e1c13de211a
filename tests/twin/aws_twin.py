"""The AWS service of a private twin, and a driver of the stand-in's resource types."""

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

from core.state_folder import HOME_VARIABLE
from twin.aws.administrator import ACCOUNT, administrator_key
from twin.aws.provider.stand_in import AwsStandIn
from twin.host.home import TwinHome
from twin.provider.server import URN, PropertyChange, ResourceGoneError, ResourceType
from twin.provider.values import Properties, from_wire, has_unknown, to_wire

START_SECONDS = 30.0
CLIENTS = botocore.session.Session()
"""Makes all clients: a session of its own would read the services' descriptions again."""


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
        # One client for all questions: each would read all authorities of the system.
        with httpx.Client(base_url=self.url, timeout=5) as client:
            while not _is_answering(client):
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """End the service by SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def client(self, service: str, region: str = "us-east-1", account: str = ACCOUNT) -> Any:
        """Return a client of an account's administrator."""
        return CLIENTS.create_client(
            service,
            region_name=region,
            endpoint_url=self.url,
            config=Config(
                retries={"total_max_attempts": 1},
                proxies={},
                s3={"addressing_style": "path"},
                signature_version="s3v4" if service == "s3" else None,  # botocore's own default is older
            ),
            aws_access_key_id=administrator_key(self.home, account).id,
            aws_secret_access_key=administrator_key(self.home, account).secret,
        )


def _is_answering(client: httpx.Client) -> bool:
    try:
        return client.get("/moto-api/").status_code < 500
    except httpx.HTTPError:
        return False


@contextmanager
def running_service(root: Path, **variables: str) -> Generator[Service]:
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
        resource = Resource(self.stand_in.resource_type(token), token, logical_name)
        resource.check(inputs)
        resource.create()
        return resource

    def import_resource(self, token: str, identifier: str) -> "Resource":
        resource = Resource(self.stand_in.resource_type(token), token, "imported")
        resource.identifier = identifier
        resource.inputs, resource.state = resource.resource_type.read(identifier, {}, {})
        return resource


class Resource:
    """A resource as the stack's state has it. Values pass through the wire format, as in a real run."""

    def __init__(self, resource_type: ResourceType, token: str, name: str) -> None:
        self.resource_type, self.token, self.name = resource_type, token, name
        self.inputs: Properties = {}
        self.state: Properties = {}
        self.identifier = ""

    def check(self, inputs: Properties) -> None:
        self.set_urn()
        self.inputs, refusals = self.resource_type.check(self.name, _over_the_wire(inputs), self.inputs)
        assert not refusals, refusals

    def refused_inputs(self, **inputs: Any) -> list[str]:
        _, refusals = self.resource_type.check(self.name, _over_the_wire(inputs), {})
        return [refusal.property for refusal in refusals]

    def create(self) -> None:
        self.set_urn()
        planned = self.resource_type.plan({}, self.inputs)
        self.identifier, state = self.resource_type.create(self.inputs)
        self.state = _over_the_wire(state)
        foretold = {name: value for name, value in planned.items() if not has_unknown(value)}
        assert foretold == {name: self.state.get(name) for name in foretold}
        assert self.changes(**self.inputs) == {}, "a second up would change something"
        self.refresh()
        assert self.drift() == {}, "a refresh would show something"

    def changes(self, **inputs: Any) -> dict[str, PropertyChange]:
        """Return what a preview with these inputs shows."""
        self.set_urn()
        checked, refusals = self.resource_type.check(self.name, _over_the_wire(inputs), self.inputs)
        assert not refusals, refusals
        return self.resource_type.diff(self.state, self.inputs, checked)

    def update(self, **inputs: Any) -> None:
        changes = self.changes(**inputs)
        assert changes
        assert PropertyChange.REPLACE not in changes.values(), changes
        checked, _ = self.resource_type.check(self.name, _over_the_wire(inputs), self.inputs)
        self.state = _over_the_wire(self.resource_type.update(self.identifier, self.state, checked))
        self.inputs = checked
        assert self.changes(**inputs) == {}
        self.refresh()
        assert self.drift() == {}

    def refresh(self) -> None:
        """Read the resource and keep the result as its state; the program's inputs stay unchanged."""
        self.set_urn()
        inputs, state = self.resource_type.read(self.identifier, self.state, self.inputs)
        self.found_inputs, self.state = inputs, _over_the_wire(state)

    def drift(self) -> dict[str, PropertyChange]:
        """Return how the state as it was last read differs from what the program wants."""
        return self.resource_type.diff(self.state, self.inputs, self.inputs)

    def is_gone(self) -> bool:
        self.set_urn()
        try:
            self.resource_type.read(self.identifier, self.state, self.inputs)
        except ResourceGoneError:
            return True
        return False

    def delete(self) -> None:
        self.set_urn()
        self.resource_type.delete(self.identifier, self.state)

    def set_urn(self) -> None:
        URN.set(f"urn:pulumi:test::test::{self.token}::{self.name}")


def _over_the_wire(properties: Properties) -> Properties:
    return from_wire(to_wire(properties))
