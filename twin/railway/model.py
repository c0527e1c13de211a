"""
The model of Railway: services in environments, their variables and deployments.

Sources: docs.railway.com (Variables, Deployments, Rollback), and what its provider 0.6.2 sends.
"""

import re
import secrets
import time
import uuid
from typing import ClassVar, Final

from twin.host.deployed_service import DeployedService
from twin.vendor.errors import VendorError
from twin.vendor.model import CreatedObject, VendorModel
from twin.vendor.store import Attributes

COLLECTION: Final = "variableCollection"
_REFERENCE: Final = re.compile(r"\$\{\{\s*(\w+)\s*\}\}")
_IMAGE_HOURS: Final = 120
"""How long a removed deployment's image is kept on the plan Pro; it can be rolled back to as long."""

RUNNING: Final = frozenset(("SUCCESS", "CRASHED"))
"""Statuses of the deployment that is active: one that starts, and one whose program ended."""


class Railway(VendorModel):
    """
    Services that exist already, in one environment each: only `add_service` makes one.

    A service's instance is addressed by "service:environment", a variable collection by that and its
    variables' names. The vendor has no collections; the provider makes them of variables.
    """

    vendor: ClassVar[str] = "railway"
    secret_name: ClassVar[str] = "RAILWAY_TOKEN"  # noqa: S105 - the name under which it is kept
    has_read_only_token: ClassVar[bool] = False

    def add_service(
        self, service: str, environment: str, project: str, *, name: str, port: int | None
    ) -> None:
        """Let a service exist and be deployed, unless it does already; `port` is where it runs here."""
        instance = f"{service}:{environment}"
        with self.store.transaction():
            known = self.store.get(self.vendor, "instance", instance)
            if known is None:
                self.store.insert(
                    self.vendor,
                    "instance",
                    instance,
                    {
                        "projectId": project,
                        "name": name,
                        "environmentName": "production",
                        "port": port,
                        "active": "",
                        "variables": {},
                    },
                )
                self.deploy(service, environment)
            elif (known["projectId"], known["port"]) != (project, port):
                self._replace(instance, {**known, "projectId": project, "port": port})
        self._run(instance)

    def find_instance(self, service: str, environment: str) -> Attributes:
        """Return a service's instance. Raises VendorError, in Railway's words, if there is none."""
        found = self.store.get(self.vendor, "instance", f"{service}:{environment}")
        if found is None:
            raise VendorError(404, "ServiceInstance not found")
        return found

    def find_service(self, service: str) -> tuple[str, Attributes]:
        """Return the environment of a service's first instance, and the instance. Raises VendorError."""
        for instance, found in self.store.list(self.vendor, "instance").items():
            if instance.partition(":")[0] == service:
                return instance.partition(":")[2], found
        raise VendorError(404, "Service not found")

    def set_variables(
        self, service: str, environment: str, variables: dict[str, str], *, skips_deploys: bool = False
    ) -> None:
        """Add variables, or overwrite those of the same name without a word. Deploys unless told not to."""
        with self.store.transaction():
            found = self.find_instance(service, environment)
            changed = {**found["variables"], **variables}
            self._replace(f"{service}:{environment}", {**found, "variables": changed})
            if not skips_deploys:
                self.deploy(service, environment)

    def delete_variable(self, service: str, environment: str, name: str) -> None:
        """Remove a variable, if it is there."""
        with self.store.transaction():
            found = self.find_instance(service, environment)
            kept = {key: value for key, value in found["variables"].items() if key != name}
            self._replace(f"{service}:{environment}", {**found, "variables": kept})

    def deploy(
        self,
        service: str,
        environment: str,
        *,
        commit: str = "",
        starts: bool = True,
        of: str = "",
    ) -> str:
        """
        Make a deployment with the variables of now, and return its id. It is active at once.

        Without a commit it has that of the active one. `of` names a deployment whose variables it takes.
        """
        instance = f"{service}:{environment}"
        with self.store.transaction():
            found = self.find_instance(service, environment)
            before = self.store.get(self.vendor, "deployment", found["active"]) or {}
            source = self.find_deployment(of) if of else before
            commit = commit or source.get("commit") or secrets.token_hex(20)
            identifier = str(uuid.uuid4())
            system = {
                "RAILWAY_GIT_COMMIT_SHA": commit,
                "RAILWAY_DEPLOYMENT_ID": identifier,
                "RAILWAY_SERVICE_NAME": found["name"],
                "RAILWAY_ENVIRONMENT_NAME": found["environmentName"],
            }
            given = source["given"] if of else found["variables"]
            self.store.insert(
                self.vendor,
                "deployment",
                identifier,
                {
                    "instance": instance,
                    "projectId": found["projectId"],
                    "commit": commit,
                    "starts": starts if not source or commit != source.get("commit") else source["starts"],
                    "status": "SUCCESS",
                    "createdAt": time.time(),
                    "removedAt": None,
                    "given": given,
                    "variables": _render(given, system),
                },
            )
            self._activate(instance, identifier)
        return identifier

    def deploy_commit(self, service: str, environment: str, commit: str) -> None:
        """Deploy a commit, unless it is the one that runs."""
        active = self.find_deployment(self.find_instance(service, environment)["active"])
        if commit and active["commit"] != commit:
            self.deploy(service, environment, commit=commit)

    def redeploy(self, service: str, environment: str) -> str:
        """Deploy the commit of the active deployment again, as serviceInstanceRedeploy does."""
        if not self.find_instance(service, environment)["active"]:
            raise VendorError(400, "No deployment found for service instance")
        return self.deploy(service, environment)

    def roll_back(self, identifier: str) -> None:
        """Make a removed deployment active again, with the variables that it was made with."""
        with self.store.transaction():
            found = self.find_deployment(identifier)
            if not self.can_roll_back(found):
                raise VendorError(400, "Deployment cannot be rolled back")
            self._activate(found["instance"], identifier)

    def find_deployment(self, identifier: str) -> Attributes:
        """Return a deployment. Raises VendorError if there is none."""
        found = self.store.get(self.vendor, "deployment", identifier)
        if found is None:
            raise VendorError(404, "Deployment not found")
        return found

    def can_roll_back(self, deployment: Attributes) -> bool:
        """Tell whether a deployment was removed, ran once, and its image is still kept."""
        removed = deployment["removedAt"]
        return (
            deployment["status"] == "REMOVED"
            and deployment["starts"]
            and removed is not None
            and time.time() - removed < _IMAGE_HOURS * 3600
        )

    def read(self, kind: str, identifier: str) -> Attributes | None:
        _require_collection(kind)
        service, environment, names = _split(identifier)
        if not names:
            raise VendorError(400, "no variable names")
        environment = self._find_environment(service, environment)
        found = self.find_instance(service, environment)
        present = {name: found["variables"][name] for name in names if name in found["variables"]}
        return _describe(service, environment, found["projectId"], present)

    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        """Send what is new or changed at once, remove what is gone one by one, and redeploy."""
        _require_collection(kind)
        service, environment, names = _split(identifier)
        wanted = _read_variables(attributes)
        known = self.find_instance(service, environment)["variables"]
        if changed := {name: value for name, value in wanted.items() if known.get(name) != value}:
            self.set_variables(service, environment, changed)
        for name in names:
            if name not in wanted:
                self.delete_variable(service, environment, name)
        self.redeploy(service, environment)
        project = self.find_instance(service, environment)["projectId"]
        return _describe(service, environment, project, wanted)

    def delete(self, kind: str, identifier: str) -> None:
        _require_collection(kind)
        service, environment, names = _split(identifier)
        for name in names:
            self.delete_variable(service, environment, name)
        self.redeploy(service, environment)

    def read_data_source(self, function: str, arguments: Attributes) -> Attributes:
        raise VendorError(404, f"The twin's Railway has no {function} of {', '.join(arguments)}.")

    def _create(self, kind: str, attributes: Attributes, request: str) -> CreatedObject:
        del request  # what an interrupted creation left is overwritten: nothing is there twice
        _require_collection(kind)
        service, environment = attributes["serviceId"], attributes["environmentId"]
        project = self.find_instance(service, environment)["projectId"]
        wanted = _read_variables(attributes)
        self.set_variables(service, environment, wanted)
        # The provider does it besides, although the change deploys by itself.
        self.redeploy(service, environment)
        created = _describe(service, environment, project, wanted)
        return created["id"], created

    def _find_environment(self, service: str, environment: str) -> str:
        """Return the id of an environment: an import names it by its name."""
        if self.store.get(self.vendor, "instance", f"{service}:{environment}"):
            return environment
        found, instance = self.find_service(service)
        return found if instance["environmentName"] == environment else environment

    def _activate(self, instance: str, identifier: str) -> None:
        found = self.find_instance(*instance.split(":"))
        before = self.store.get(self.vendor, "deployment", found["active"])
        if before and found["active"] != identifier:
            removed = {**before, "status": "REMOVED", "removedAt": time.time()}
            self.store.replace(self.vendor, "deployment", found["active"], removed)
        deployment = self.find_deployment(identifier)
        status = "SUCCESS" if deployment["starts"] else "CRASHED"
        active = {**deployment, "status": status, "removedAt": None}
        self.store.replace(self.vendor, "deployment", identifier, active)
        self._replace(instance, {**found, "active": identifier})
        self._run(instance)

    def _run(self, instance: str) -> None:
        """Hand the active deployment to the program on its port."""
        found = self.find_instance(*instance.split(":"))
        if found["port"] and found["active"]:
            active = self.find_deployment(found["active"])
            running = DeployedService(
                "railway", found["active"], active["commit"], active["starts"], active["variables"]
            )
            running.write(self.home, found["port"])

    def _replace(self, instance: str, attributes: Attributes) -> None:
        self.store.replace(self.vendor, "instance", instance, attributes)


def _render(given: dict[str, str], system: dict[str, str]) -> dict[str, str]:
    """Return what a deployment sees: each reference replaced, one to nothing by an empty text."""
    known = {**given, **system}
    rendered = {
        name: _REFERENCE.sub(lambda found: known.get(found[1], ""), value) for name, value in given.items()
    }
    return {**system, **rendered}


def _require_collection(kind: str) -> None:
    if kind != COLLECTION:
        raise VendorError(404, f"The twin's Railway has no {kind}.")


def _split(identifier: str) -> tuple[str, str, list[str]]:
    service, _, rest = identifier.partition(":")
    environment, _, names = rest.partition(":")
    return service, environment, [name for name in names.split(":") if name]


def _read_variables(attributes: Attributes) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in attributes["variables"]}


def _describe(service: str, environment: str, project: str, variables: dict[str, str]) -> Attributes:
    return {
        "id": ":".join((service, environment, *sorted(variables))),
        "serviceId": service,
        "environmentId": environment,
        "projectId": project,
        "variables": [{"name": name, "value": value} for name, value in variables.items()],
    }
