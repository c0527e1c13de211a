"""The resources that a program declares, as a run of the engine tells of them."""

from typing import Any, Final

from pulumi.automation import events

StepResource = dict[str, Any]
"""As in a state: `urn`, `type`, `id`, `custom`, `provider`, `inputs` with their secrets hidden."""

_CREATES: Final = (
    events.OpType.CREATE,
    events.OpType.CREATE_REPLACEMENT,
    events.OpType.IMPORT,
    events.OpType.IMPORT_REPLACEMENT,
)


class DeclaredResources:
    """Collects them from the engine's events."""

    def __init__(self) -> None:
        self._by_urn: dict[str, StepResource] = {}
        self.attempted: set[str] = set()
        """URNs of the resources that an update made, or tried to make."""

    def on_event(self, event: events.EngineEvent) -> None:
        """Take one of the engine's events."""
        if event.resource_pre_event:
            self._declare(event.resource_pre_event.metadata)
        for ended in (event.res_outputs_event, event.res_op_failed_event):
            step = ended.metadata if ended else None
            # In a preview nothing gets an id.
            if step and step.op in _CREATES and (event.res_op_failed_event or (step.new and step.new.id)):
                self.attempted.add(step.urn)

    def _declare(self, step: events.StepEventMetadata) -> None:
        if step.new is None or step.op in {events.OpType.DELETE, events.OpType.REFRESH}:
            return
        self._by_urn[step.urn] = {
            "urn": step.urn,
            "type": step.type,
            "id": step.new.id,
            "custom": bool(step.new.custom),
            "provider": step.new.provider,
            "inputs": dict(step.new.inputs or {}),
        }

    def list_resources(self) -> list[StepResource]:
        """Return each resource as its last step has it."""
        return list(self._by_urn.values())
