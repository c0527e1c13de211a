"""The model of Neon: a project is a real PostgreSQL cluster with real roles and databases."""

import secrets
import string
import time
from collections.abc import Callable
from datetime import UTC, datetime

from twin.neon import sql
from twin.neon.api_keys import ApiKeys
from twin.neon.limits import DEFAULT_PLAN, PLANS, PlanLimits, check_compute, check_project
from twin.neon.project import complete_project, project_to_response
from twin.neon.records import translate_server_errors
from twin.neon.restored_branches import RestorableBranches
from twin.vendor.errors import VendorError
from twin.vendor.model import CreatedObject, merge
from twin.vendor.store import Attributes

_IRREVERSIBLE = ("enableLogicalReplication", "hipaa")
_INTERNAL = {"maker", "created", "default"}


class Neon(RestorableBranches):
    """
    One account.

    Projects, branches and endpoints have ids; roles and databases are addressed by "project/branch/name".

    A read-write endpoint is a cluster in `home.postgres`. A branch gets its data with its endpoint, by
    point-in-time recovery of the parent's cluster. The plan is `launch` unless the store's `account` names
    another. The server is PostgreSQL 18, whatever version a project names, without TLS and without a pooler.
    """

    @property
    def keys(self) -> ApiKeys:
        return ApiKeys(self.store)

    def authenticate(self, credential: str, *, writes: bool) -> None:
        if not self.keys.use(credential):
            super().authenticate(credential, writes=writes)

    @property
    def plan(self) -> PlanLimits:
        account = self.store.get(self.vendor, "account", "0") or {}
        return PLANS[account.get("plan", DEFAULT_PLAN)]

    @translate_server_errors()
    def read(self, kind: str, identifier: str) -> Attributes | None:
        record = self.store.get(self.vendor, kind, identifier)
        if record is None or "maker" in record or not self._is_in_cluster(kind, record):
            return None
        return self._to_response(kind, identifier, record)

    @translate_server_errors()
    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        before = self.require(kind, identifier)
        after = merge(before, attributes)
        match kind:
            case "project":
                self._update_project(identifier, before, after)
            case "branch":
                after |= {"protected": after.get("protected", "no")}
                self._check_protection(identifier, after)
            case "endpoint":
                self._update_endpoint(identifier, before, after)
            case "database":
                identifier = self._rename_database(identifier, before, after)
            case _:
                raise VendorError(405, f"A {kind} cannot be changed.")
        self.store.replace(self.vendor, kind, identifier, after)
        changed = self._to_response(kind, identifier, after)
        if changed is None:
            raise VendorError(404, f"{kind} {identifier} has no database left.")
        return changed

    @translate_server_errors()
    def delete(self, kind: str, identifier: str) -> None:
        record = self.require(kind, identifier)
        obstacle = self._find_obstacle(kind, identifier, record)
        if obstacle:
            raise VendorError(422, obstacle)
        if kind == "project":
            self._keep_deleted(identifier, record)
        else:
            self._discard(kind, identifier)

    @translate_server_errors()
    def restore(self, branch: str, source: str, *, at: float | None, preserve_as: str) -> str:
        """Restore a branch in place; return the id of the one that keeps what it held, "" without a name."""
        kept = _generate_id("br") if preserve_as else ""
        self.restore_branch(branch, source, at, preserve_as, kept)
        return kept

    def read_data_source(self, function: str, arguments: Attributes) -> Attributes:
        match function:
            case "getProject":
                project = self.read("project", arguments["id"])
                if project is None:
                    raise VendorError(404, f"There is no project {arguments['id']}.")
                return {**project, "id": arguments["id"]}
            case "getBranchEndpoints":
                names = ("id", "host", "proxyHost", "regionId", "type")
                self.require("branch", arguments["branchId"])
                endpoints = self.list_on_branch(arguments["branchId"], "endpoint")
                responses = [self._endpoint_to_response(id_, record) for id_, record in endpoints.items()]
                shown = [{name: response[name] for name in names} for response in responses]
                return {**arguments, "id": arguments["branchId"], "endpoints": shown}
            case "getBranchRolePassword":
                address = f"{arguments['projectId']}/{arguments['branchId']}/{arguments['roleName']}"
                return {**arguments, "id": address, "password": self.reveal_password(address)}
            case _:
                raise VendorError(404, f"There is no data source {function}.")

    def reveal_password(self, address: str) -> str:
        """Return a role's password. Raises VendorError, 412 if the project doesn't store passwords."""
        role = self.require("role", address)
        if self.require("project", role["projectId"]).get("storePassword") == "no":
            raise VendorError(412, "Storing passwords is disabled for this project.")
        return str(role["password"])

    @translate_server_errors()
    def reset_password(self, address: str) -> str:
        """Set a new password of a role and return it."""
        role = {**self.require("role", address), "password": _generate_password()}
        sql.ensure_role(self._start_cluster_of(role["branchId"]), role["name"], role["password"])
        self.store.replace(self.vendor, "role", address, role)
        return str(role["password"])

    def _create(self, kind: str, attributes: Attributes, request: str) -> CreatedObject:
        self.remove_unfinished()
        create: Callable[[Attributes, str], str] = {
            "project": self._create_project,
            "branch": self._create_branch,
            "endpoint": self._create_endpoint,
            "role": self._create_role,
            "database": self._create_database,
        }[kind]
        identifier = create(merge({}, attributes), request)
        return identifier, self.read(kind, identifier) or {}

    def _create_project(self, wanted: Attributes, request: str) -> str:
        project, branch, endpoint = _generate_id("twin"), _generate_id("br"), _generate_id("ep")
        record = complete_project(project, endpoint, wanted)
        check_project(record, self.plan)
        # Protection is stored in the branch only, because a request can change it there, too.
        protected = "yes" if record.pop("defaultBranchProtected", False) else "no"
        names = record.pop("branch")
        address = {"projectId": project, "branchId": branch}
        role, database = names["roleName"], names["databaseName"]
        with self._create_with_record("project", project, record, request):
            cluster = self._cluster(project, endpoint)
            cluster.create(secrets.token_urlsafe(24))
            cluster.start()
            password = _generate_password()
            sql.ensure_role(cluster, role, password)
            sql.ensure_database(cluster, database, role)
            with self.store.transaction():
                main = {"projectId": project, "name": names["name"], "protected": protected, "default": True}
                self._check_protection(branch, main)
                self._insert_record("branch", branch, main)
                self._insert_record(
                    "endpoint", endpoint, {**address, **_compute_settings(record), "type": "read_write"}
                )
                self._insert_record(
                    "role", f"{project}/{branch}/{role}", {**address, "name": role, "password": password}
                )
                self._insert_record(
                    "database",
                    f"{project}/{branch}/{database}",
                    {**address, "name": database, "ownerName": role},
                )
        return project

    def _create_branch(self, wanted: Attributes, request: str) -> str:
        project = self.require("project", wanted["projectId"])
        parent_id = wanted.get("parentId") or self.find_default_branch(wanted["projectId"])
        parent = self.require("branch", parent_id)
        if "parentLsn" in wanted:
            raise VendorError(400, "The twin branches at a time, not at a position in the log.")
        now = time.time()
        at = wanted.get("parentTimestamp") or now
        oldest = max(float(parent["created"]), now - project["historyRetentionSeconds"])
        if not int(oldest) <= at <= now + 1:
            beginning = datetime.fromtimestamp(oldest, UTC).isoformat(timespec="seconds")
            raise VendorError(400, f"parent_timestamp is outside the history, which began at {beginning}.")
        branch = _generate_id("br")
        protected = wanted.get("protected") or "no"
        record = {
            "name": branch,
            **wanted,
            "parentId": parent_id,
            "parentTimestamp": at,
            "protected": protected,
        }
        with self.store.transaction():
            self._check_protection(branch, record)
            self._insert_record("branch", branch, {**record, "default": False}, request)
            for kind in ("role", "database"):
                for inherited in self.list_on_branch(parent_id, kind).values():
                    if inherited["created"] <= at:
                        new_passwords = parent["protected"] == "yes"
                        self._copy_to_branch(kind, inherited, branch, new_passwords=new_passwords)
        return branch

    def _copy_to_branch(self, kind: str, inherited: Attributes, branch: str, *, new_passwords: bool) -> None:
        """Copy a record to a child branch; the child of a protected branch gets new passwords."""
        copied = {**inherited, "branchId": branch}
        if kind == "role" and new_passwords:
            copied["password"] = _generate_password()
        self.store.insert(self.vendor, kind, f"{copied['projectId']}/{branch}/{copied['name']}", copied)

    def _create_endpoint(self, wanted: Attributes, request: str) -> str:
        project = self.require("project", wanted["projectId"])
        branch = self.require("branch", wanted["branchId"])
        check_compute(wanted, self.plan)
        endpoint = _generate_id("ep")
        record = {"type": "read_write", **_compute_settings(project), **wanted}
        writer = self._find_writer(wanted["branchId"])
        if record["type"] == "read_only":
            if writer is None:
                raise VendorError(
                    400, "In the twin a read-only endpoint needs a read-write one on its branch."
                )
            self._insert_record("endpoint", endpoint, record, request)
            return endpoint
        if writer is not None:
            raise VendorError(409, f"The branch has a read-write endpoint already: {writer}.")
        kept = self.find_kept_cluster(wanted["branchId"])
        source = self._find_writer(branch["parentId"]) if branch.get("parentId") and not kept else None
        if source is None and kept is None:
            raise VendorError(400, "The parent branch has no read-write endpoint to take the data from.")
        with self._create_with_record("endpoint", endpoint, record, request):
            cluster = self._cluster(wanted["projectId"], endpoint)
            if kept:
                kept.start()
                kept.branch(cluster)
                kept.stop()
            elif source:
                self._cluster(wanted["projectId"], source).branch(
                    cluster, datetime.fromtimestamp(branch["parentTimestamp"], UTC)
                )
            for role in self.list_on_branch(wanted["branchId"], "role").values():
                sql.ensure_role(cluster, role["name"], role["password"])
            if record.get("disabled"):
                cluster.stop()
        return endpoint

    def _create_role(self, wanted: Attributes, request: str) -> str:
        address = self._require_free_address("role", wanted)
        record = {**wanted, "password": _generate_password()}
        with self._create_with_record("role", address, record, request):
            sql.ensure_role(self._start_cluster_of(wanted["branchId"]), record["name"], record["password"])
        return address

    def _create_database(self, wanted: Attributes, request: str) -> str:
        address = self._require_free_address("database", wanted)
        self.require("role", f"{wanted['projectId']}/{wanted['branchId']}/{wanted['ownerName']}")
        with self._create_with_record("database", address, wanted, request):
            cluster = self._start_cluster_of(wanted["branchId"])
            sql.ensure_database(cluster, wanted["name"], wanted["ownerName"])
        return address

    def _require_free_address(self, kind: str, wanted: Attributes) -> str:
        self.require("project", wanted["projectId"])
        self.require("branch", wanted["branchId"])
        if wanted["name"] in {
            record["name"] for record in self.list_on_branch(wanted["branchId"], kind).values()
        }:
            raise VendorError(409, f"The branch has a {kind} {wanted['name']!r} already.")
        return f"{wanted['projectId']}/{wanted['branchId']}/{wanted['name']}"

    def _update_project(self, identifier: str, before: Attributes, after: Attributes) -> None:
        for nested in ("defaultEndpointSettings", "quota"):
            after[nested] = {**before[nested], **after[nested]}
        check_project(after, self.plan)
        for name in _IRREVERSIBLE:
            if before.get(name) == "yes" and after.get(name) != "yes":
                raise VendorError(400, f"{name} cannot be switched off again.")
        protect = after.pop("defaultBranchProtected", None)
        if protect is not None:
            branch = self.find_default_branch(identifier)
            record = {**self.require("branch", branch), "protected": "yes" if protect else "no"}
            self._check_protection(branch, record)
            self.store.replace(self.vendor, "branch", branch, record)

    def _update_endpoint(self, identifier: str, before: Attributes, after: Attributes) -> None:
        check_compute(after, self.plan)
        if before["branchId"] != after["branchId"]:
            raise VendorError(400, "The twin does not move endpoints between branches.")
        if after["type"] == "read_write":
            cluster = self._cluster(after["projectId"], identifier)
            (cluster.stop if after.get("disabled") else cluster.start)()

    def _rename_database(self, identifier: str, before: Attributes, after: Attributes) -> str:
        """Change a database's name and owner; return its id, which contains its name."""
        cluster = self._start_cluster_of(before["branchId"])
        if before["ownerName"] != after["ownerName"]:
            self.require("role", f"{after['projectId']}/{after['branchId']}/{after['ownerName']}")
            sql.ensure_database(cluster, before["name"], after["ownerName"])
        if before["name"] == after["name"]:
            return identifier
        address = self._require_free_address("database", after)
        sql.rename_database(cluster, before["name"], after["name"])
        with self.store.transaction():
            self._remove("database", identifier)
            self.store.insert(self.vendor, "database", address, after)
        return address

    def _check_protection(self, branch: str, record: Attributes) -> None:
        others = self.store.list(self.vendor, "branch")
        count = sum(other["protected"] == "yes" for id_, other in others.items() if id_ != branch)
        if record["protected"] == "yes" and count >= self.plan.protected_branches:
            limit = self.plan.protected_branches
            raise VendorError(400, f"The {self.plan.name} plan allows {limit} protected branches.")

    def _find_obstacle(self, kind: str, identifier: str, record: Attributes) -> str:
        """Return why an object can't be deleted, "" if it can."""
        match kind:
            case "project" if (
                self.require("branch", self.find_default_branch(identifier))["protected"] == "yes"
            ):
                return f"Project {identifier} has a protected branch: remove the protection first."
            case "branch" if record["default"]:
                return f"Branch {identifier} is the project's default branch."
            case "branch" if record["protected"] == "yes":
                return f"Branch {identifier} is protected."
            case "branch" if any(
                other.get("parentId") == identifier
                for other in self.store.list(self.vendor, "branch").values()
            ):
                return f"Branch {identifier} has child branches."
            case _:
                return ""

    def _is_in_cluster(self, kind: str, record: Attributes) -> bool:
        """Return whether a role or database exists in the cluster; assume so if the cluster doesn't run."""
        if kind not in {"role", "database"} or (endpoint := self._find_writer(record["branchId"])) is None:
            return True
        cluster = self._cluster(record["projectId"], endpoint)
        has = sql.has_role if kind == "role" else sql.has_database
        return not cluster.is_running or has(cluster, record["name"])

    def _to_response(self, kind: str, identifier: str, record: Attributes) -> Attributes | None:
        match kind:
            case "project":
                branch = self.find_default_branch(identifier)
                records = {
                    part: self.list_on_branch(branch, part) for part in ("endpoint", "role", "database")
                }
                endpoint = self._find_writer(branch)
                host = self._host(endpoint) if endpoint else ""
                return project_to_response(
                    record, (branch, self.require("branch", branch)), records, endpoint or "", host
                )
            case "branch":
                at = int(record.get("parentTimestamp", 0))
                shown = {"parentId": "", "parentLsn": "", "logicalSize": 0, **record, "parentTimestamp": at}
            case "endpoint":
                shown = self._endpoint_to_response(identifier, record)
            case "role":
                shown = {**record, "protected": False, "roleId": identifier}
            case _:
                address = f"{record['projectId']}/{record['branchId']}/{record['name']}"
                shown = {**record, "databaseId": address}
        return {name: value for name, value in shown.items() if name not in _INTERNAL} | {"id": identifier}

    def _endpoint_to_response(self, identifier: str, record: Attributes) -> Attributes:
        writer = identifier if record["type"] == "read_write" else self._find_writer(record["branchId"])
        host = self._host(writer or identifier)
        fixed = {"id": identifier, "disabled": False, "poolerEnabled": False, "poolerMode": "transaction"}
        return {**fixed, **record, "host": host, "proxyHost": host}


def _generate_id(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(5)}"


def _generate_password() -> str:
    """Return a random password in Neon's form, which needs no escaping in a URI."""
    return "npg_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))


def _compute_settings(project: Attributes) -> Attributes:
    """Return the settings of a new endpoint: the defaults of its project."""
    names = ("autoscalingLimitMinCu", "autoscalingLimitMaxCu", "suspendTimeoutSeconds")
    settings = {name: project["defaultEndpointSettings"][name] for name in names}
    return {**settings, "regionId": project["regionId"], "computeProvisioner": project["computeProvisioner"]}
