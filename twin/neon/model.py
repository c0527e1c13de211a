"""Neon as the twin models it: a project is a real PostgreSQL cluster with real roles and databases."""

import secrets
import string
import time
from collections.abc import Callable
from datetime import UTC, datetime

from twin.neon import sql
from twin.neon.limits import DEFAULT_PLAN, PLANS, PlanLimits, check_compute, check_project
from twin.neon.project import answer, complete
from twin.neon.records import NeonRecords, server_trouble
from twin.vendor.errors import VendorError
from twin.vendor.model import Made, merged
from twin.vendor.store import Attributes

_IRREVERSIBLE = ("enableLogicalReplication", "hipaa")
_INTERNAL = {"maker", "created", "default"}


class Neon(NeonRecords):
    """
    One account.

    Projects, branches and endpoints have ids of their own; roles and databases go by "project/branch/name".

    A read-write endpoint is a cluster in `home.postgres`; a branch gets its data when it gets an endpoint, by
    point-in-time recovery of its parent's. `account` in the store may hold another plan than `launch`. The
    wheel's server is PostgreSQL 18 whatever version a project names, and has no TLS and no pooler.
    """

    @property
    def plan(self) -> PlanLimits:
        account = self.store.get(self.vendor, "account", "0") or {}
        return PLANS[account.get("plan", DEFAULT_PLAN)]

    @server_trouble()
    def read(self, kind: str, identifier: str) -> Attributes | None:
        found = self.store.get(self.vendor, kind, identifier)
        if found is None or "maker" in found or not self._is_real(kind, found):
            return None
        return self._answer(kind, identifier, found)

    @server_trouble()
    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        before = self.existing(kind, identifier)
        after = merged(before, attributes)
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
        changed = self._answer(kind, identifier, after)
        if changed is None:
            raise VendorError(404, f"{kind} {identifier} has no database left.")
        return changed

    @server_trouble()
    def delete(self, kind: str, identifier: str) -> None:
        found = self.existing(kind, identifier)
        refusal = self._obstacle(kind, identifier, found)
        if refusal:
            raise VendorError(422, refusal)
        self._discard(kind, identifier)

    def lookup(self, function: str, arguments: Attributes) -> Attributes:
        match function:
            case "getProject":
                found = self.read("project", arguments["id"])
                if found is None:
                    raise VendorError(404, f"There is no project {arguments['id']}.")
                return {**found, "id": arguments["id"]}
            case "getBranchEndpoints":
                names = ("id", "host", "proxyHost", "regionId", "type")
                self.existing("branch", arguments["branchId"])
                endpoints = self.on(arguments["branchId"], "endpoint")
                shown = [self._endpoint_answer(id_, endpoint) for id_, endpoint in endpoints.items()]
                told = [{name: one[name] for name in names} for one in shown]
                return {**arguments, "id": arguments["branchId"], "endpoints": told}
            case "getBranchRolePassword":
                address = f"{arguments['projectId']}/{arguments['branchId']}/{arguments['roleName']}"
                return {**arguments, "id": address, "password": self.password(address)}
            case _:
                raise VendorError(404, f"There is no data source {function}.")

    def password(self, address: str) -> str:
        """Reveal a role's password. Raises VendorError, 412 in a project that does not store passwords."""
        role = self.existing("role", address)
        if self.existing("project", role["projectId"]).get("storePassword") == "no":
            raise VendorError(412, "Storing passwords is disabled for this project.")
        return str(role["password"])

    @server_trouble()
    def reset_password(self, address: str) -> str:
        """Give a role a new password, and return it."""
        role = {**self.existing("role", address), "password": _password()}
        sql.ensure_role(self._awake(role["branchId"]), role["name"], role["password"])
        self.store.replace(self.vendor, "role", address, role)
        return str(role["password"])

    def _create(self, kind: str, attributes: Attributes, request: str) -> Made:
        self.sweep()
        make: Callable[[Attributes, str], str] = {
            "project": self._create_project,
            "branch": self._create_branch,
            "endpoint": self._create_endpoint,
            "role": self._create_role,
            "database": self._create_database,
        }[kind]
        identifier = make(merged({}, attributes), request)
        return identifier, self.read(kind, identifier) or {}

    def _create_project(self, wanted: Attributes, request: str) -> str:
        project, branch, endpoint = _id("twin"), _id("br"), _id("ep")
        record = complete(project, endpoint, wanted)
        check_project(record, self.plan)
        # The branch alone knows whether it is protected: it can be told so by itself, too.
        protected = "yes" if record.pop("defaultBranchProtected", False) else "no"
        chosen = record.pop("branch")
        place = {"projectId": project, "branchId": branch}
        role, database = chosen["roleName"], chosen["databaseName"]
        with self._making("project", project, record, request):
            cluster = self._cluster(project, endpoint)
            cluster.create(secrets.token_urlsafe(24))
            cluster.start()
            password = _password()
            sql.ensure_role(cluster, role, password)
            sql.ensure_database(cluster, database, role)
            with self.store.transaction():
                main = {"projectId": project, "name": chosen["name"], "protected": protected, "default": True}
                self._check_protection(branch, main)
                self._put("branch", branch, main)
                self._put("endpoint", endpoint, {**place, **_compute(record), "type": "read_write"})
                self._put("role", f"{project}/{branch}/{role}", {**place, "name": role, "password": password})
                self._put(
                    "database",
                    f"{project}/{branch}/{database}",
                    {**place, "name": database, "ownerName": role},
                )
        return project

    def _create_branch(self, wanted: Attributes, request: str) -> str:
        project = self.existing("project", wanted["projectId"])
        parent_id = wanted.get("parentId") or self.default_branch(wanted["projectId"])
        parent = self.existing("branch", parent_id)
        if "parentLsn" in wanted:
            raise VendorError(400, "The twin branches at a time, not at a position in the log.")
        now = time.time()
        at = wanted.get("parentTimestamp") or now
        oldest = max(float(parent["created"]), now - project["historyRetentionSeconds"])
        if not int(oldest) <= at <= now + 1:
            began = datetime.fromtimestamp(oldest, UTC).isoformat(timespec="seconds")
            raise VendorError(400, f"parent_timestamp is outside the history, which began at {began}.")
        branch = _id("br")
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
            self._put("branch", branch, {**record, "default": False}, request)
            for kind in ("role", "database"):
                for inherited in self.on(parent_id, kind).values():
                    if inherited["created"] <= at:
                        self._inherit(kind, inherited, branch, anew=parent["protected"] == "yes")
        return branch

    def _inherit(self, kind: str, inherited: Attributes, branch: str, *, anew: bool) -> None:
        """Copy a record to a child branch; the child of a protected branch has passwords of its own."""
        copied = {**inherited, "branchId": branch}
        if kind == "role" and anew:
            copied["password"] = _password()
        self.store.insert(self.vendor, kind, f"{copied['projectId']}/{branch}/{copied['name']}", copied)

    def _create_endpoint(self, wanted: Attributes, request: str) -> str:
        project = self.existing("project", wanted["projectId"])
        branch = self.existing("branch", wanted["branchId"])
        check_compute(wanted, self.plan)
        endpoint = _id("ep")
        record = {"type": "read_write", **_compute(project), **wanted}
        writer = self._writer(wanted["branchId"])
        if record["type"] == "read_only":
            if writer is None:
                raise VendorError(
                    400, "In the twin a read-only endpoint needs a read-write one on its branch."
                )
            self._put("endpoint", endpoint, record, request)
            return endpoint
        if writer is not None:
            raise VendorError(409, f"The branch has a read-write endpoint already: {writer}.")
        source = self._writer(branch["parentId"]) if branch.get("parentId") else None
        if source is None:
            raise VendorError(400, "The parent branch has no read-write endpoint to take the data from.")
        with self._making("endpoint", endpoint, record, request):
            cluster = self._cluster(wanted["projectId"], endpoint)
            self._cluster(wanted["projectId"], source).branch(
                cluster, datetime.fromtimestamp(branch["parentTimestamp"], UTC)
            )
            for role in self.on(wanted["branchId"], "role").values():
                sql.ensure_role(cluster, role["name"], role["password"])
            if record.get("disabled"):
                cluster.stop()
        return endpoint

    def _create_role(self, wanted: Attributes, request: str) -> str:
        address = self._free_address("role", wanted)
        record = {**wanted, "password": _password()}
        with self._making("role", address, record, request):
            sql.ensure_role(self._awake(wanted["branchId"]), record["name"], record["password"])
        return address

    def _create_database(self, wanted: Attributes, request: str) -> str:
        address = self._free_address("database", wanted)
        self.existing("role", f"{wanted['projectId']}/{wanted['branchId']}/{wanted['ownerName']}")
        with self._making("database", address, wanted, request):
            cluster = self._awake(wanted["branchId"])
            sql.ensure_database(cluster, wanted["name"], wanted["ownerName"])
        return address

    def _free_address(self, kind: str, wanted: Attributes) -> str:
        self.existing("project", wanted["projectId"])
        self.existing("branch", wanted["branchId"])
        if wanted["name"] in {found["name"] for found in self.on(wanted["branchId"], kind).values()}:
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
            branch = self.default_branch(identifier)
            record = {**self.existing("branch", branch), "protected": "yes" if protect else "no"}
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
        """Rename a database, which gives it a new id, and hand it to its owner; return the id."""
        cluster = self._awake(before["branchId"])
        if before["ownerName"] != after["ownerName"]:
            self.existing("role", f"{after['projectId']}/{after['branchId']}/{after['ownerName']}")
            sql.ensure_database(cluster, before["name"], after["ownerName"])
        if before["name"] == after["name"]:
            return identifier
        address = self._free_address("database", after)
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

    def _obstacle(self, kind: str, identifier: str, found: Attributes) -> str:
        """Say why an object cannot be removed."""
        match kind:
            case "project" if self.existing("branch", self.default_branch(identifier))["protected"] == "yes":
                return f"Project {identifier} has a protected branch: remove the protection first."
            case "branch" if found["default"]:
                return f"Branch {identifier} is the project's default branch."
            case "branch" if found["protected"] == "yes":
                return f"Branch {identifier} is protected."
            case "branch" if any(
                other.get("parentId") == identifier
                for other in self.store.list(self.vendor, "branch").values()
            ):
                return f"Branch {identifier} has child branches."
            case _:
                return ""

    def _is_real(self, kind: str, found: Attributes) -> bool:
        """Look whether the running cluster still has a role or database that was made through the API."""
        if kind not in {"role", "database"} or (endpoint := self._writer(found["branchId"])) is None:
            return True
        cluster = self._cluster(found["projectId"], endpoint)
        has = sql.has_role if kind == "role" else sql.has_database
        return not cluster.running or has(cluster, found["name"])

    def _answer(self, kind: str, identifier: str, found: Attributes) -> Attributes | None:
        match kind:
            case "project":
                branch = self.default_branch(identifier)
                records = {part: self.on(branch, part) for part in ("endpoint", "role", "database")}
                endpoint = self._writer(branch)
                host = self._host(endpoint) if endpoint else ""
                return answer(found, (branch, self.existing("branch", branch)), records, endpoint or "", host)
            case "branch":
                at = int(found.get("parentTimestamp", 0))
                shown = {"parentId": "", "parentLsn": "", "logicalSize": 0, **found, "parentTimestamp": at}
            case "endpoint":
                shown = self._endpoint_answer(identifier, found)
            case "role":
                shown = {**found, "protected": False, "roleId": identifier}
            case _:
                address = f"{found['projectId']}/{found['branchId']}/{found['name']}"
                shown = {**found, "databaseId": address}
        return {name: value for name, value in shown.items() if name not in _INTERNAL} | {"id": identifier}

    def _endpoint_answer(self, identifier: str, found: Attributes) -> Attributes:
        writer = identifier if found["type"] == "read_write" else self._writer(found["branchId"])
        host = self._host(writer or identifier)
        fixed = {"id": identifier, "disabled": False, "poolerEnabled": False, "poolerMode": "transaction"}
        return {**fixed, **found, "host": host, "proxyHost": host}


def _id(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(5)}"


def _password() -> str:
    """Draw a password in Neon's form; it needs no escaping in a URI."""
    return "npg_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))


def _compute(project: Attributes) -> Attributes:
    """Return an endpoint's settings as its project prescribes them."""
    names = ("autoscalingLimitMinCu", "autoscalingLimitMaxCu", "suspendTimeoutSeconds")
    settings = {name: project["defaultEndpointSettings"][name] for name in names}
    return {**settings, "regionId": project["regionId"], "computeProvisioner": project["computeProvisioner"]}
