"""Rendering of docs/policies.md from the rules: `python -m policies.catalogue > docs/policies.md`."""

import json
import sys
from collections.abc import Iterator
from typing import Final

from policies.framework.closing_rules import CLOSING_RULES
from policies.framework.controls import Control, Framework
from policies.framework.rule import Looser, Rule
from policies.properties import PROPERTIES
from policies.rules import AREAS

_TITLES: Final = {
    "stores": "Data stores",
    "vaults": "Vaults and buckets",
    "endpoints": "Endpoints",
    "errors": "Errors",
    "oncall": "On-call",
    "identity": "Identity and secrets",
    "orphans": "Orphans",
    "whole": "The program as a whole",
}

_LOOSER: Final[dict[Looser, str]] = {
    "higher": "a higher value demands",
    "lower": "a lower value demands",
    "more": "more entries demand",
    "fewer": "fewer entries demand",
    "true": "`true` demands",
    "other": "another value may demand",
    "never": "no value demands",
}

_PROPERTY_OF: Final = {rule: one.name for one in PROPERTIES for rule in one.rules}

_HEAD: Final = """# Policies

What `./bulwark` refuses, on the first preview, before anything exists. This file is made from the rules:
`python -m policies.catalogue > docs/policies.md`.

The pack runs with every `./bulwark up`, `preview` and `review`, and over any other stack with
`./bulwark pulumi preview --policy-pack policies`. `./bulwark audit` asks the same rules about what is
deployed.

**Absent is never fine, and neither is unknown.** A rule that a preview can't decide refuses the deploy and
names what it would have to know.

**Settings of a stack** are in `policies/config/<stack>.json`, in the format of `--policy-pack-config`, by
which another program gives its own: a rule's parameters (below, with their defaults), its `severity`, and,
outside of production alone, its `enforcementLevel`. In production every rule is mandatory, and a setting may
demand more than its default. One that demands less is refused, unless a waiver of `settings-only-tighten` has
it, word for word, as its `setting`. Each is listed in the review.

**Waivers** are in `policies/waivers.yaml`, one entry per rule and resource:

```yaml
- rule: vault-access-is-logged
  resource: urn:pulumi:prod::bulwark::aws:s3/bucket:Bucket::imports # the whole URN
  reason: Holds generated test data until the importer is replaced.
  owner: operations
  ticket: OPS-123
  created: 2030-01-15
  expires: 2030-03-31 # 90 days after its creation at most
- rule: settings-only-tighten
  resource: urn:pulumi:prod::bulwark-administrator::bulwark:index:Accounts::accounts
  setting: vault-is-locked.minimum_days = 14 # as the finding writes it
  reason: The store of the first month is small; raised with the new plan.
  owner: operations
  ticket: OPS-124
  created: 2030-01-15
  expires: 2030-02-15
```

**Another program** has its waivers and settings in a folder of its own, `waivers.yaml` and
`config/<stack>.json`, and names it: `BULWARK_POLICY_SETTINGS=/path/to/shop/policies`. What belongs to this
project is not read then. The pack knows a program's stores, jobs and endpoints by what components publish as
inputs, whatever their types are. A website's bucket holds nothing of value: a component publishes
`holdsNothing`, a list of URNs, and `reason`, a sentence, and the bucket is asked for no backup
(`valueless-store-is-explained`). What drills and proofs have shown is asked for the stores that a job names
in `drills` or `proves`, and handed over as `BULWARK_DRILLS`: `{"stores": {URN: {"since": T, "passed": T,
"proven": T}}}`, each T a time or null. `./bulwark drills --for-policies` prints it, with the `readiness` of
this project's own platform (`readiness-is-recent`). The engine tells a pack no line of a program, so a
finding names the resource; the SARIF of `./bulwark review` has the lines of this project's settings.

**To start with a program that does not pass yet**, let everything be told and nothing refused, and make one
rule after the other mandatory: `--policy-pack-config` names a file with
`{"all": "advisory", "store-is-protected": "mandatory"}`. Or keep the rules mandatory and waive what is there,
for 90 days at most: then each new resource is judged in full from the first day.

A finding that follows from another one of the same resource is not reported by itself: a store without a
backup is not drilled either. It counts as violated where controls are counted.

The days of a waiver count from its first commit, whatever `created` says: to move the date does not renew it.
A new term has a new ticket.

A waived finding is still shown, with its expiry. A waiver that is malformed, over, or waives nothing is a
violation itself; rules marked *never waived* take none.
"""


def render() -> str:
    """Return the Markdown of all rules and controls."""
    return "\n".join(_render_lines()) + "\n"


def _render_lines() -> Iterator[str]:
    yield _HEAD
    yield from _render_properties()
    areas = {**AREAS, "whole": CLOSING_RULES}
    for area, rules in areas.items():
        yield f"## {_TITLES[area]}"
        yield ""
        for rule in sorted(rules, key=lambda rule: rule.id):
            yield from _render_rule(rule)
    yield from _render_controls([rule for rules in areas.values() for rule in rules])


def _render_properties() -> Iterator[str]:
    yield "## Properties"
    yield ""
    yield "A rule refuses whatever breaks its property, by whichever way, and whoever wrote the program. What"
    yield "production was tried with, change by change, is in [weakenings.md](weakenings.md)."
    yield ""
    for protection in PROPERTIES:
        yield f"**{protection.name}.** {protection.holds}"
        yield ""
        yield f"- Looks at: {protection.ways}"
        yield f"- Can't see: {protection.unseen}"
        yield f"- Rules: {', '.join(f'[{rule}](#{rule})' for rule in protection.rules)}"
        yield ""


def _render_rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}"
    yield ""
    yield f"**{rule.title}.** {rule.severity.value.capitalize()}{'' if rule.waivable else ', never waived'}."
    yield ""
    yield f"- Property: {_PROPERTY_OF[rule.id]}"
    yield f"- Risk: {rule.risk}"
    yield f"- Fix: {rule.fix}"
    yield f"- Controls: {', '.join(str(control) for control in rule.controls)}"
    for parameter in rule.parameters:
        default = f"default `{json.dumps(parameter.default)}`; {_LOOSER[parameter.looser]} less"
        yield f"- `{parameter.name}` ({default}): {parameter.meaning}"
    yield ""


def _render_controls(rules: list[Rule]) -> Iterator[str]:
    yield "## Controls"
    yield ""
    for framework in Framework:
        yield f"### {framework}"
        yield ""
        yield "| control | asks that | rules |"
        yield "|---|---|---|"
        for control in Control:
            if control.framework is framework:
                answering = ", ".join(rule.id for rule in rules if control in rule.controls)
                yield f"| {control.id} | {control.requirement} | {answering} |"
        yield ""


if __name__ == "__main__":
    sys.stdout.write(render())
