"""
Replace a key of Neon's API that leaked: make another one, prove it, and revoke the former one when asked for.

Neon shows a token once, and doesn't say which key a token is of. So a person names the key by its id, the new
one gets a name that follows from that, and a new key that no file holds is made again, unless it was used.
"""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretStr

from components.secrets import TOKEN_VARIABLES
from components.settings import NeonSettings
from core.failure import Failure, split_failure
from live.neon import NeonApiKey, api_keys_path, find_project, list_api_keys
from live.vendor_api import WritingApi
from live.vendor_apis import open_writing_api
from respond.key_file import HeldKey, KeyFile
from respond.neon import project_id, prove_project
from respond.step import (
    RespondContext,
    ResponseAction,
    ResponsePlan,
    ResponseStep,
    StepOptions,
    TargetProof,
    format_instant,
    require_proven,
)
from respond.stores import find_neon_database

_STEP: Final = "rotate-api-key"
_VARIABLE: Final = TOKEN_VARIABLES["neon"]
_WAIT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 1.0


class _MadeKey(BaseModel, defer_build=True):
    id: int
    key: SecretStr


class _RevokedKey(BaseModel, defer_build=True):
    revoked: bool


@dataclass(frozen=True)
class _KeyPair:
    """The key that leaked and the one that replaces it, in the list that has them."""

    path: str
    leaked: NeonApiKey | None
    fresh: NeonApiKey | None
    name: str
    """Of the new key."""

    @property
    def project(self) -> str:
        """The only project that they open; "" for all."""
        known = self.leaked or self.fresh
        return (known and known.project_id) or ""


@dataclass(frozen=True)
class _Rotation:
    """A database at Neon, whose key is replaced, and the file for the new one."""

    context: RespondContext
    store: str
    settings: NeonSettings
    file: KeyFile

    @contextmanager
    def open(self, held: HeldKey | None) -> Generator[WritingApi]:
        """Open the API with the key of the environment, or with the new one once that is revoked."""
        own = self.context.tokens.get(_VARIABLE, "")
        key = (
            held.token if held and self.explain_refusal(own) and not self.explain_refusal(held.token) else own
        )
        with open_writing_api(self.context.target, "neon", key) as api:
            yield api

    def prove(self, token: str) -> list[TargetProof]:
        """Read the declared project with a key, and return the proof. Raises Failure."""
        with open_writing_api(self.context.target, "neon", token) as api:
            project = find_project(api, project_id(self.context, self.store))
        if project is None:
            raise Failure(
                f"The key does not see the project {project_id(self.context, self.store)}.",
                "look whose key it is.",
            )
        return prove_project(self.context, self.store, self.settings, project)

    def explain_refusal(self, token: str) -> str:
        """Return why a key does not open the declared project; "" if it does."""
        try:
            require_proven(_STEP, self.prove(token))
        except Failure as failure:
            return split_failure(failure)[0]
        return ""

    def find_pair(self, api: WritingApi, key: str) -> _KeyPair:
        """
        Find a key by its id, and the one that replaces it.

        Raises:
            Failure: there is no such key, or more than one new key has its name.
        """
        name, known = f"{self.context.target.name}-replaces-{key}", list[NeonApiKey]()
        for organization in (self.settings.organization, ""):
            keys = _list_keys(api, organization)
            leaked = next((one for one in keys if str(one.id) == key), None)
            fresh = [one for one in keys if one.name == name]
            if len(fresh) > 1:
                raise Failure(
                    f"{len(fresh)} keys have the name {name}: {', '.join(str(one.id) for one in fresh)}.",
                    "look at them in Neon's console, revoke all but the one in use, and run this again.",
                )
            if leaked or fresh:
                return _KeyPair(api_keys_path(organization), leaked, fresh[0] if fresh else None, name)
            known += keys
        cause = f"{self.settings.organization} and whoever calls have no key {key}." if key else "Which key?"
        raise Failure(
            f"{_STEP} needs a key that is there. {cause}",
            f"--key with the id of one of these: {'; '.join(map(_describe, known)) or 'there is none'}.",
        )

    def make(self, pair: _KeyPair) -> Mapping[str, str]:
        """Make a key, and write it to the file, which is there before it."""
        self.file.reserve()
        body: dict[str, Any] = {"key_name": pair.name} | (
            {"project_id": pair.project} if pair.project else {}
        )
        try:
            with self.open(None) as api:
                fresh = api.change(_MadeKey, "POST", pair.path, body)
        except Failure:
            self.file.path.unlink()
            raise
        self.file.write(HeldKey(fresh.id, fresh.key.get_secret_value()))
        return {"key": str(fresh.id), "name": pair.name, "file": str(self.file.path)}

    def prove_file(self) -> Mapping[str, str]:
        """Wait until the key in the file opens the declared project. Raises Failure after half a minute."""
        held = self.file.read()
        if held is None:
            raise Failure(f"The new key is no longer in {self.file.path}.", "run this again.")
        deadline = time.monotonic() + _WAIT_SECONDS
        while refusal := self.explain_refusal(held.token):
            if time.monotonic() > deadline:
                raise Failure(f"The new key does not work: {refusal}", "run this again.")
            time.sleep(_POLL_SECONDS)
        return {"key": str(held.id), "reads": project_id(self.context, self.store)}

    def revoke(self, path: str, key: int, *, held: HeldKey | None) -> Mapping[str, str]:
        with self.open(held) as api:
            revoked = api.change(_RevokedKey, "DELETE", f"{path}/{key}")
        if not revoked.revoked:
            raise Failure(f"Neon did not revoke the key {key}.", "look at it in Neon's console.")
        return {"revoked": str(key)}


def _plan(context: RespondContext, store: str, options: StepOptions) -> ResponsePlan:
    settings = find_neon_database(context, store)
    if options.key and options.revoke:
        raise Failure(
            f"{_STEP} does one at a time.", "--key makes another key; --revoke, in a later call, ends it."
        )
    rotation = _Rotation(context, store, settings, KeyFile(Path(options.key_file).absolute(), _VARIABLE))
    held = rotation.file.read() if options.key_file else None
    with rotation.open(held) as api:
        project = find_project(api, project_id(context, store))
        if project is None:
            raise Failure(
                f"Neon has no project {project_id(context, store)} for this key.",
                f"set {_VARIABLE} to a personal key of an administrator of {settings.organization}.",
            )
        proofs = prove_project(context, store, settings, project)
        require_proven(_STEP, proofs)
        pair = rotation.find_pair(api, options.key or options.revoke)
    if not options.key_file:
        raise Failure(f"{_STEP} needs a file for the new key.", "--key-file FILE, which is not there yet.")
    if pair.project:
        proofs.append(TargetProof("project of the key", project_id(context, store), pair.project))
    proven = require_proven(_STEP, proofs)
    plan = _plan_revocation if options.revoke else _plan_replacement
    return plan(rotation, pair, held, proven)


def _plan_replacement(
    rotation: _Rotation, pair: _KeyPair, held: HeldKey | None, proofs: tuple[TargetProof, ...]
) -> ResponsePlan:
    """Return the plan that makes the new key, and revokes nothing that was ever used."""
    file, fresh = rotation.file.path, pair.fresh
    is_held = _is_held(pair, held)
    if held and not is_held:
        raise Failure(
            f"{file} holds the key {held.id}, which does not replace this one at Neon.",
            "name a file that is not there.",
        )
    lost = fresh if fresh and not is_held else None
    if lost and lost.last_used_at:
        raise Failure(
            f"{_describe(lost)} replaces it already, and {file} does not hold it.",
            "name the file that does. If that is gone, look who uses the key; then revoke it in Neon's "
            "console.",
        )
    refusal = rotation.explain_refusal(held.token) if held else "not made"
    scope = f"for the project {pair.project}" if pair.project else "with the same scope"
    drops = ResponseAction(
        "revoke-lost-key",
        f"Revoke the key {lost.id if lost else ''} of an interrupted call: it was never used, and its token "
        f"can't be read again: DELETE {pair.path}/{lost.id if lost else ''}.",
        run=lambda: rotation.revoke(pair.path, lost.id if lost else 0, held=None),
    )
    return ResponsePlan(
        proofs=proofs,
        found=_describe_pair(pair, refusal),
        actions=(
            *((drops,) if lost else ()),
            ResponseAction(
                "make-key",
                f"Make the key {pair.name} {scope}: "
                f"POST {pair.path}; and write it to {file}, which only you can read.",
                run=lambda: rotation.make(pair),
                is_done=is_held,
            ),
            ResponseAction(
                "prove-key",
                "Read the project with the new key: GET "
                f"/projects/{project_id(rotation.context, rotation.store)}.",
                run=rotation.prove_file,
                is_done=is_held and not refusal,
            ),
        ),
        left=(
            "The leaked key still opens all that it did: whoever has it can go on until it is revoked.",
            f"{file} has the new key in clear: delete it when the former one is revoked.",
        ),
        next_step=_pass_on(rotation, pair),
    )


def _plan_revocation(
    rotation: _Rotation, pair: _KeyPair, held: HeldKey | None, proofs: tuple[TargetProof, ...]
) -> ResponsePlan:
    """Return the plan that revokes the leaked key, once the new one is proven."""
    if held is None or not _is_held(pair, held):
        raise Failure(
            f"{_STEP} was refused: {rotation.file.path} does not hold the key that replaces it, so that it "
            "may be the last one that works.",
            "--key-file with the file of the first call; without one make a new key first, with --key.",
        )
    if refusal := rotation.explain_refusal(held.token):
        raise Failure(f"{_STEP} was refused, because the new key does not work: {refusal}", "see why first.")
    leaked = pair.leaked
    return ResponsePlan(
        proofs=proofs,
        found=_describe_pair(pair, ""),
        actions=(
            ResponseAction(
                "revoke-key",
                f"Revoke the leaked key for ever: DELETE {pair.path}/{leaked.id if leaked else ''}.",
                run=lambda: rotation.revoke(pair.path, leaked.id if leaked else 0, held=held),
                is_done=leaked is None,
            ),
        ),
        left=(
            "Whoever still has the former key is refused at once: see above from where the keys were last "
            "used, and whether every place has the new one.",
        ),
        next_step=f"rm {rotation.file.path}; then ./bulwark audit --live{{options}}.",
    )


def _is_held(pair: _KeyPair, held: HeldKey | None) -> bool:
    """Return whether the file has the new key."""
    return held is not None and pair.fresh is not None and held.id == pair.fresh.id


def _list_keys(api: WritingApi, organization: str) -> list[NeonApiKey]:
    """Return the keys of an organization, or the personal ones, of which an organization's key sees none."""
    if organization:
        return list_api_keys(api, organization)
    try:
        return list_api_keys(api, "")
    except Failure:
        return []


def _describe(key: NeonApiKey) -> str:
    scope = f" for the project {key.project_id}" if key.project_id else ""
    used = f"last used {format_instant(key.last_used_at)}" if key.last_used_at else "never used"
    place = f" from {key.last_used_from_addr}" if key.last_used_from_addr else ""
    return f"{key.id} {key.name}{scope}, {used}{place}"


def _describe_pair(pair: _KeyPair, refusal: str) -> dict[str, str]:
    fresh = _describe(pair.fresh) if pair.fresh else "not made"
    return {
        "leaked key": _describe(pair.leaked) if pair.leaked else "revoked",
        "new key": f"{fresh}; {refusal}" if pair.fresh and refusal else fresh,
    }


def _pass_on(rotation: _Rotation, pair: _KeyPair) -> str:
    """Return what hands the new key on to the jobs, and then revokes the former one."""
    backups, file = rotation.context.target.settings.backups, rotation.file.path
    environments = [backups.plan_environment, backups.deploy_environment] if backups else ["production"]
    commands = [f"gh secret set --env {name} --env-file {file}" for name in environments]
    leaked = pair.leaked.id if pair.leaked else "ID"
    return (
        f"give {_VARIABLE} to each GitHub environment that had the leaked key: {'; '.join(commands)}; and to "
        f"whoever else had it. After a job has passed with it: ./bulwark respond {_STEP} {rotation.store} "
        f"--revoke {leaked} --key-file {file}{{options}}."
    )


ROTATE_API_KEY: Final = ResponseStep(
    _STEP,
    "Replace a key of Neon's API (--key) by a new one in a file (--key-file), then revoke it (--revoke).",
    "a database at Neon whose key it is",
    f"a personal key of Neon's API of an administrator of the organization ({_VARIABLE}): no other key makes "
    "one. It may be the one that leaked",
    _plan,
)
