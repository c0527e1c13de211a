"""
The model of Vercel: projects that exist, their environment variables and deployments.

Sources: vercel.com/docs (Environment variables; Instant Rollback; Promoting deployments), and what its
provider 5.10.0 sends.
"""

import secrets
import string
import time
from typing import ClassVar, Final

from twin.host.deployed_service import DeployedService
from twin.vendor.errors import VendorError
from twin.vendor.model import CreatedObject, VendorModel
from twin.vendor.store import Attributes

VARIABLE: Final = "projectEnvironmentVariable"
_LETTERS: Final = string.ascii_letters + string.digits
_MOST_CHARACTERS: Final = 64 * 1024
"""All variables of a deployment together."""


class VercelError(VendorError):
    """An error with Vercel's own code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, message)
        self.code = code


class Vercel(VendorModel):
    """
    Projects that exist already: only `add_project` makes one.

    A variable is addressed by its id; an import by `[team/]project/id`.
    """

    vendor: ClassVar[str] = "vercel"
    secret_name: ClassVar[str] = "VERCEL_API_TOKEN"  # noqa: S105 - the name under which it is kept
    has_read_only_token: ClassVar[bool] = False

    def add_project(self, project: str, team: str | None, *, name: str, port: int | None) -> None:
        """Let a project exist and be deployed, unless it does already; `port` is where it runs here."""
        with self.store.transaction():
            known = self.store.get(self.vendor, "project", project)
            wanted = {"name": name, "team": team, "port": port}
            if known is None:
                project_record = {**wanted, "active": "", "lastAliasRequest": None}
                self.store.insert(self.vendor, "project", project, project_record)
                self.deploy(project)
            elif {key: known[key] for key in wanted} != wanted:
                self.store.replace(self.vendor, "project", project, {**known, **wanted})
        self._run(project)

    def find_project(self, project: str) -> Attributes:
        """Return a project by its id. Raises VercelError if there is none."""
        found = self.store.get(self.vendor, "project", project)
        if found is None:
            raise VercelError(404, "not_found", "Project not found")
        return found

    def list_variables(self, project: str) -> dict[str, Attributes]:
        """Return the variables of a project, by id."""
        self.find_project(project)
        every = self.list_objects(VARIABLE)
        return {id_: variable for id_, variable in every.items() if variable["projectId"] == project}

    def deploy(self, project: str, *, commit: str = "", starts: bool = True, of: str = "") -> str:
        """
        Build the project for production with the variables of now, and return the deployment's id.

        It is active at once, unless a rollback has turned that off until the next promotion. `of` names a
        deployment whose commit is built again.
        """
        with self.store.transaction():
            found = self.find_project(project)
            before = self.find_deployment(project, of or found["active"]) if of or found["active"] else {}
            variables = self._list_values(project)
            commit = commit or before.get("commit") or secrets.token_hex(20)
            identifier = f"dpl_{_draw(28)}"
            self.store.insert(
                self.vendor,
                "deployment",
                identifier,
                {
                    "project": project,
                    "commit": commit,
                    "starts": before["starts"] if before and before["commit"] == commit else starts,
                    "createdAt": time.time(),
                    "variables": {"VERCEL_GIT_COMMIT_SHA": commit, **variables},
                },
            )
            if not _was_rolled_back(found):
                self.store.replace(self.vendor, "project", project, {**found, "active": identifier})
        self._run(project)
        return identifier

    def deploy_changes(self, project: str, commit: str = "") -> None:
        """Build a commit, unless production is built of it with the variables of now; "" is the same one."""
        active = self.find_deployment(project, self.find_project(project)["active"])
        wanted = {"VERCEL_GIT_COMMIT_SHA": commit or active["commit"], **self._list_values(project)}
        if wanted != active["variables"]:
            self.deploy(project, commit=commit)

    def _list_values(self, project: str) -> dict[str, str]:
        return {
            variable["key"]: variable["value"]
            for variable in self.list_variables(project).values()
            if "production" in variable["targets"]
        }

    def find_deployment(self, project: str, identifier: str) -> Attributes:
        """Return a deployment of a project. Raises VercelError if there is none."""
        found = self.store.get(self.vendor, "deployment", identifier)
        if found is None or found["project"] != project:
            raise VercelError(404, "not_found", "Deployment not found")
        return found

    def point_to(self, project: str, identifier: str, kind: str) -> None:
        """Let production be a deployment, without a build; `kind` is promote or rollback."""
        with self.store.transaction():
            found = self.find_project(project)
            self.find_deployment(project, identifier)
            if found["active"] == identifier:
                raise VercelError(
                    409, "conflict", "The deployment is already the current production deployment"
                )
            request = {
                "fromDeploymentId": found["active"],
                "toDeploymentId": identifier,
                "jobStatus": "succeeded",
                "requestedAt": int(time.time() * 1000),
                "type": kind,
            }
            changed = {**found, "active": identifier, "lastAliasRequest": request}
            self.store.replace(self.vendor, "project", project, changed)
        self._run(project)

    def read(self, kind: str, identifier: str) -> Attributes | None:
        """Return a variable as the API shows it: a sensitive one without its value."""
        found = self.store.get(self.vendor, kind, identifier)
        return {**_as_shown(found), "id": identifier} if found else None

    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        with self.store.transaction():
            before = self._require_object(kind, identifier)
            # A branch is never taken away: the provider leaves it out of the request.
            changed = {
                **before,
                **{name: value for name, value in _read(attributes).items() if value is not None},
            }
            self._check(identifier, changed)
            self.store.replace(self.vendor, kind, identifier, changed)
        return {**_as_shown(changed), "id": identifier}

    def delete(self, kind: str, identifier: str) -> None:
        self._require_object(kind, identifier)
        self._remove(kind, identifier)

    def read_data_source(self, function: str, arguments: Attributes) -> Attributes:
        raise VercelError(404, "not_found", f"The twin's Vercel has no {function} of {', '.join(arguments)}.")

    def _create(self, kind: str, attributes: Attributes, request: str) -> CreatedObject:
        team = self.find_project(attributes["projectId"])["team"]
        wanted = {
            "comment": "",
            "customEnvironmentIds": [],
            "gitBranch": None,
            "targets": [],
            "teamId": team or "",
            **_read(attributes),
        }
        identifier = _draw(16)
        with self.store.transaction():
            self._check(identifier, wanted)
            self._insert(kind, identifier, wanted, request)
        return identifier, {**_as_shown(wanted), "id": identifier}

    def _check(self, identifier: str, wanted: Attributes) -> None:
        """Refuse a second variable of a name for the same deployments, and too much in all."""
        others = {
            id_: variable
            for id_, variable in self.list_variables(wanted["projectId"]).items()
            if id_ != identifier
        }
        for other_id, other in others.items():
            overlaps = set(other["targets"]) & set(wanted["targets"])
            if other["key"] == wanted["key"] and overlaps and other["gitBranch"] == wanted["gitBranch"]:
                raise VercelError(
                    400,
                    "ENV_CONFLICT",
                    f"A variable with the name `{wanted['key']}` already exists for the target "
                    f"{','.join(sorted(overlaps))} on branch {wanted['gitBranch'] or 'undefined'}; "
                    # The provider looks it up.
                    f"its id is {other_id}",
                )
        length = sum(len(one["key"]) + len(one["value"]) for one in (*others.values(), wanted))
        if length > _MOST_CHARACTERS:
            raise VercelError(400, "bad_request", "The total size of Environment Variables exceeds 64KB")

    def _run(self, project: str) -> None:
        """Hand the active deployment to the program on its port."""
        found = self.find_project(project)
        if found["port"] and found["active"]:
            active = self.find_deployment(project, found["active"])
            running = DeployedService(
                "vercel", found["active"], active["commit"], active["starts"], active["variables"]
            )
            running.write(self.home, found["port"])


def _was_rolled_back(project: Attributes) -> bool:
    return (project["lastAliasRequest"] or {}).get("type") == "rollback"


def _read(attributes: Attributes) -> Attributes:
    """Return what a request says, with the value where it is kept."""
    value = attributes.get("value") or attributes.get("valueWo")
    rest = {name: attributes[name] for name in attributes if name not in {"valueWo", "valueWoVersion"}}
    return {**rest, **({"value": value} if value is not None else {})}


def _as_shown(variable: Attributes) -> Attributes:
    return {name: value for name, value in variable.items() if name != "value" or not variable["sensitive"]}


def _draw(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
