"""
`credentials`: each credential is stolen, and everything destructive is tried with it.

Nothing here touches the platform. On the twin the calls are made on a copy of the twin, which has services,
ports and secrets of its own; at the vendors none is made, and AWS's policy simulator answers for those that
it knows.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

from core.failure import Failure
from recovery import catalogue
from recovery.attestation import Trust
from recovery.context import VaultName
from recovery.drill.credentials.calls import AwsCall, DestructiveCall, HttpCall
from recovery.drill.credentials.intruders import INTRUDERS, Credential, Intruder
from recovery.drill.evidence import (
    CallAttempt,
    CopyAfterwards,
    CopyPath,
    NegativeControl,
    Scenario,
    UntestedScope,
)
from recovery.drill.scenario_run import ScenarioRun, cause_of
from recovery.drill.validation import DrillContext
from recovery.elsewhere.copies import BackupCopy
from recovery.elsewhere.vault import ElsewhereVault
from recovery.elsewhere.verify import find_problems
from recovery.elsewhere.verify import verify_files as verify_copied_files
from recovery.files.manifest import FilesManifest
from recovery.files.verify import verify_files
from recovery.manifest import BackupManifest, Manifest
from recovery.manifests import manifest_of
from recovery.state import StateManifest, verify_state
from recovery.store import Store, StoreName
from recovery.vault.vault import VaultClient
from recovery.verify import CreateScratchDatabase, check_backup, read_objects, verify

_PATHS: Final[Mapping[VaultName, CopyPath]] = {
    "primary": "vault",
    "replica": "replica",
    "elsewhere": "elsewhere",
}
_CONCERNS: Final[Mapping[str, tuple[VaultName, ...]]] = {
    "primary vault": ("primary", "replica"),
    "replica": ("replica",),
    "copy elsewhere": ("elsewhere",),
    # Whoever may change a role may take the right to read away from it.
    "roles": ("primary", "replica"),
    "account": ("primary", "replica"),
}
"""Target of calls -> the vaults whose content or readers they can change."""

_AT_VENDORS: Final = frozenset(("Neon project", "monitors", "error tracking"))
"""Targets of calls that are copied anew with the history of the database."""

_Found = tuple[Literal["restored", "unharmed", "lost"], str]
"""State of a copy, and the proof."""

_NOT_SIMULATED: Final = (
    UntestedScope(
        what="what the policy of a bucket, a key or a secret denies or allows besides",
        why="AWS's simulator takes one for an IAM user alone; `audit --live` compares them with the stack's",
    ),
    UntestedScope(
        what="that what is left restores",
        why="nothing was destroyed; the same drill on the twin destroys and restores",
    ),
)

_THREAT: Final = "A credential of the platform is in a thief's hands, who destroys what it reaches."


@dataclass(frozen=True)
class CallAnswer:
    """The answer to one call."""

    outcome: Literal["refused", "allowed", "unknown"]
    how: Literal["made", "simulated", "not made"]
    text: str
    object: str = ""
    """Which of several objects of its kind the call was about."""


class AttackedPlatform(Protocol):
    """What the calls of a thief are tried on."""

    def attempt(self, credential: Credential, call: DestructiveCall) -> Iterable[CallAnswer]:
        """Try a call, with one answer for each object that it is about."""
        ...

    def close_account(self) -> CallAnswer:
        """Close the account that has the primary vault, and return what it then answers."""
        ...

    def loosen(self, credential: Credential) -> str:
        """Give a role every permission, as somebody who weakens the roles would; return what was done."""
        ...


class AttackedCopy(AttackedPlatform, Protocol):
    """A throw-away copy of the platform's vendors and vaults, on which every call can be made."""

    def open_vault(self, name: VaultName) -> VaultClient:
        """Open a vault of the copy to restore from it. Raises Failure."""
        ...

    def find_history(self) -> str:
        """Return what the database's vendor still has of its history; empty if that is gone."""
        ...

    def renew(self, lost: Collection[CopyPath]) -> None:
        """Undo what was done to these, and perhaps to others."""
        ...

    def damage(self, name: VaultName) -> str:
        """Change the stored bytes of a vault behind its service; return what was done."""
        ...


OpenCopy = Callable[[], AbstractContextManager[AttackedCopy]]


def drill(
    context: DrillContext,
    open_copy: OpenCopy,
    trust: Trust,
    scratch: CreateScratchDatabase,
    *,
    stores: Sequence[Store],
    intruders: Iterable[Intruder] = INTRUDERS,
) -> Scenario:
    """
    Try every call of each intruder on a copy of the platform, and restore what is left after each.

    Args:
        context: The objectives, and the drill's environment.
        open_copy: Makes the copy, and removes it at the end.
        trust: Whose attestations count.
        scratch: Makes the servers to restore into.
        stores: The platform's stores. The first is the database that the calls are about.
        intruders: Who tries.
    """
    run = _begin(context, stores)
    with run.capture_errors(), run.clock.phase("copy the twin"), open_copy() as copy:
        inspector = CopyInspector(copy, trust, scratch, stores)
        lost: set[CopyPath] = set()
        for intruder in intruders:
            with run.clock.phase(intruder.credential):
                # What this one loses as well need not be there before.
                if lost - set(intruder.loses):
                    copy.renew(lost)
                    inspector.forget(lost)
                attempts = list(try_calls(copy, intruder))
                if not attempts:
                    raise Failure(
                        f"Nothing could be tried with the {intruder.credential}: what it reaches is gone.",
                        "drill again; the copy of the platform should have it.",
                    )
                run.attempts += attempts
                found = list(inspector.inspect(intruder, attempts))
                run.afterwards += found
                lost = {one.path for one in found if one.state == "lost"}
                if any(one.target in _AT_VENDORS and one.outcome != "refused" for one in attempts):
                    lost.add("history")  # the next one finds the monitors and the project again
        with run.clock.phase("negative control"):
            run.negative_control = _run_negative_control(copy, inspector, stores[0])
    run.check_removed(context.environment)
    return run.to_evidence()


def simulate(
    context: DrillContext,
    platform: AttackedPlatform,
    *,
    stores: Sequence[Store],
    intruders: Iterable[Intruder] = INTRUDERS,
) -> Scenario:
    """
    Ask what each intruder's calls would be answered, and make none.

    Nothing is destroyed by that, so that nothing is restored either.
    """
    run = _begin(context, stores)
    with run.capture_errors():
        for intruder in intruders:
            with run.clock.phase(intruder.credential):
                run.attempts += try_calls(platform, intruder)
        with run.clock.phase("negative control"):
            done, faults = _try_loosened(platform)
            run.negative_control = NegativeControl(damage=done, found=tuple(faults))
    run.not_tested += _NOT_SIMULATED
    return run.to_evidence()


def _begin(context: DrillContext, stores: Sequence[Store]) -> ScenarioRun:
    return ScenarioRun(
        "credentials",
        # What has no copy outside of the account can't survive its closure.
        stores=tuple(store.name for store in stores),
        threat=_THREAT,
        loss_objective_seconds=context.spec.objectives.vault_loss,
        on_progress=context.on_progress,
    )


def try_calls(platform: AttackedPlatform, intruder: Intruder) -> Iterator[CallAttempt]:
    """Try every call of an intruder, and yield the answers."""
    for call in intruder.calls:
        rest = intruder.find_rest(call)
        for answer in platform.attempt(intruder.credential, call):
            yield CallAttempt(
                credential=intruder.credential,
                call=call.name if isinstance(call, AwsCall) else _name_object(call, answer),
                target=call.target,
                expected="refused" if rest is None else "allowed",
                outcome=answer.outcome,
                how=answer.how,
                answer=answer.text,
                left="" if answer.outcome != "allowed" else rest or "not known: it should be refused",
            )
    if intruder.credential == "closed account":
        answer = platform.close_account()
        yield CallAttempt(
            credential=intruder.credential,
            call="the account is closed",
            target="account",
            expected="allowed",
            outcome=answer.outcome,
            how=answer.how,
            answer=answer.text,
            left="" if answer.outcome != "allowed" else "the copy elsewhere",
        )


def _name_object(call: HttpCall, answer: CallAnswer) -> str:
    return f"{call.method} {call.each} {answer.object}" if call.each else call.name


class CopyInspector:
    """Looks what is left: every copy is read whole, and restored once for the same bytes."""

    def __init__(
        self, copy: AttackedCopy, trust: Trust, scratch: CreateScratchDatabase, stores: Sequence[Store]
    ) -> None:
        self._copy, self._trust, self._scratch, self._stores = copy, trust, scratch, stores
        self._restored: set[tuple[VaultName, str]] = set()
        """Vault and manifest's SHA-256 of what was restored and compared."""

        self._read: dict[tuple[VaultName, Store], _Found] = {}
        """What was last found in a vault since the copy of the platform was made."""

    def forget(self, lost: Collection[CopyPath]) -> None:
        """Read the vaults again that were made anew with the lost copies."""
        if set(lost) != {"history"}:
            self._read.clear()

    def inspect(self, intruder: Intruder, attempts: Iterable[CallAttempt]) -> Iterator[CopyAfterwards]:
        """
        Yield every copy of every store after an intruder's calls.

        A vault is not read again if every call that concerns it was refused.
        """
        changed = {attempt.target for attempt in attempts if attempt.outcome != "refused"}
        asked = {name for target, names in _CONCERNS.items() if target in changed for name in names}
        history = self._copy.find_history()
        yield self._describe(
            intruder, self._stores[0].name, "history", "unharmed" if history else "lost", history
        )
        for name, path in _PATHS.items():
            for store in self._stores:
                if name in asked or (name, store) not in self._read:
                    state, proof = self.read_copy(name, store)
                else:
                    state, proof = self._read[name, store]
                    proof = f"{proof}; no call changed anything of it since"
                yield self._describe(intruder, store.name, path, state, proof)

    def read_copy(self, name: VaultName, store: Store) -> _Found:
        """Read the newest backup of a store in a vault."""
        found = self._read[name, store] = self._look(name, store)
        return found

    def _look(self, name: VaultName, store: Store) -> _Found:
        try:
            vault = self._copy.open_vault(name)
            backups = catalogue.read_backups(vault, manifest_of(store), self._trust, store=store.name)
            newest = next((one for one in backups if catalogue.is_restorable(one)), None)
            if not newest or not newest.manifest:
                return "lost", "no backup of it can be used any more"
            problem, what = self._restore(name, vault, newest.manifest, newest.manifest_sha256)
        except Failure as failure:
            return "lost", cause_of(failure)
        return ("lost", problem) if problem else ("restored", f"{newest.manifest.id}, {what}")

    def _restore(
        self, name: VaultName, vault: VaultClient, manifest: BackupManifest, sha256: str
    ) -> tuple[str, str]:
        """Return what is wrong with a backup, empty if nothing is, and how that was found out."""
        known = (name, sha256) in self._restored
        check = partial(read_objects, manifest, vault)
        copied: BackupCopy | None = None
        if isinstance(vault, ElsewhereVault):
            [copied] = [copy for copy in vault.copies if copy.manifest.key == manifest.key]
            check = partial(find_problems, vault, copied)
        if isinstance(manifest, Manifest):
            scratch = None if known else self._scratch
            result = verify(manifest, vault, scratch=scratch, check=check)
        elif isinstance(manifest, FilesManifest) and copied and isinstance(vault, ElsewhereVault):
            deep = None if known else partial(verify_copied_files, vault, copied)
            result = check_backup(manifest, vault, deep=deep, check=check)
        elif isinstance(manifest, FilesManifest):
            result = verify_files(manifest, vault, deep=not known)
        elif isinstance(manifest, StateManifest):
            result = check_backup(manifest, vault, deep=partial(verify_state, manifest, vault), check=check)
        else:
            raise TypeError(type(manifest).__name__)
        if result.problems:
            return result.problems[0], ""
        self._restored.add((name, sha256))
        return "", "the same objects as those restored and compared" if known else "restored and compared"

    def _describe(
        self,
        intruder: Intruder,
        store: StoreName,
        path: CopyPath,
        state: Literal["restored", "unharmed", "lost"],
        proof: str,
    ) -> CopyAfterwards:
        return CopyAfterwards(
            credential=intruder.credential,
            store=store,
            path=path,
            expected="lost" if path in intruder.loses else "kept",
            state=state,
            proof=proof or "there is none any more",
        )


def _run_negative_control(copy: AttackedCopy, inspector: CopyInspector, database: Store) -> NegativeControl:
    """
    Give a role every permission, and damage a vault's bytes: the same calls and checks have to find both.

    Either one unnoticed leaves the control without a finding.
    """
    copy.renew(_PATHS.values())
    done, faults = _try_loosened(copy)
    damaged = copy.damage("primary")
    state, proof = inspector.read_copy("primary", database)
    lost = [proof] if state == "lost" else []
    return NegativeControl(
        damage=f"{done}; {damaged}", found=tuple([*faults, *lost] if faults and lost else [])
    )


def _try_loosened(platform: AttackedPlatform) -> tuple[str, list[str]]:
    """Try the writer's calls after it was given every permission; return what was done, and the faults."""
    writer = next(one for one in INTRUDERS if one.credential == "backup-writer")
    done = platform.loosen(writer.credential)
    return done, [attempt.fault for attempt in try_calls(platform, writer) if attempt.fault]
