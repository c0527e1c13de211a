"""A review as Markdown, for a pull request's comment or a job's summary."""

import re
from collections.abc import Iterator
from typing import Final

from review.review import RULES_BY_ID, Review, Step, kind_of, name_of

LONGEST: Final = 65_000
"""GitHub takes a comment of 65,536 characters."""


def render(review: Review) -> str:
    """Return the whole text; its first line marks the comment, so that the next run edits it."""
    return shortened("\n".join([*_lines(review), *_matrix(review)]) + "\n")


def shortened(text: str) -> str:
    """Cut a text where GitHub would not take it."""
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST].rpartition("\n")[0]
    closing = "\n</details>\n" * (cut.count("<details>") - cut.count("</details>"))
    return f"{cut}\n{closing}\n*Cut here; the rest is in the report that the job keeps.*\n"


def marker(stack: str, occasion: str) -> str:
    return f"<!-- bulwark {occasion}: {stack} -->"


def _lines(review: Review) -> Iterator[str]:
    yield marker(review.stack, review.occasion)
    yield f"## {_verdict(review)}"
    yield ""
    if review.stopped:
        yield "The policies could not be asked. The engine said:"
        yield ""
        fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", review.stopped))])
        yield f"{fence}text"
        yield review.stopped
        yield fence
        yield ""
    for step in review.losses:
        yield "> [!CAUTION]"
        yield f"> **{_named(step.urn)} would be {step.change}, and the data that it holds with it.**"
        if step.properties:
            yield f"> Because of: {', '.join(map(code, step.properties))}"
        yield ""
    if review.occasion == "review" and not review.stopped:
        yield from _plan(review)
    yield from _findings("Violations", review, "violated")
    yield from _findings("Could not be decided", review, "undecided")
    yield from _waivers(review)
    if review.off:
        yield f"**Switched off** by `policies/config/{review.stack}.json`: {', '.join(review.off)}"
        yield ""
    yield from _recovery(review)


def _verdict(review: Review) -> str:
    where = f"`{review.stack}`"
    if review.stopped:
        return f"❌ {where} could not be judged"
    if not review.passes:
        count = len(review.refusals)
        return f"❌ {where} is refused: {count} violation{'s' if count > 1 else ''}"
    return f"✅ {where} passes {len(review.heard)} policies"


def _plan(review: Review) -> Iterator[str]:
    counts = review.counts()
    if not counts:
        yield "**Plan:** nothing changes."
        yield ""
        return
    yield "**Plan:** " + ", ".join(f"{count} {change}" for change, count in sorted(counts.items()))
    yield ""
    yield "<details><summary>Every resource</summary>"
    yield ""
    yield "| | resource | type | inputs that differ |"
    yield "|---|---|---|---|"
    for step in sorted(review.steps, key=_by_weight):
        differing = ", ".join(map(code, step.properties))
        yield f"| {step.change} | {_name(step.urn)} | {plain(kind_of(step.urn))} | {differing} |"
    yield ""
    yield "</details>"
    yield ""


def _by_weight(step: Step) -> tuple[int, str]:
    return ("deleted", "replaced", "changed", "adopted", "created").index(step.change), step.urn


def _findings(title: str, review: Review, outcome: str) -> Iterator[str]:
    found = review.by_rule(outcome)
    if not found:
        return
    yield f"### {title}"
    yield ""
    for rule, verdicts in found.items():
        yield f"**{rule.id}** ({verdicts[0].weight}): {rule.title}"
        yield from (f"- {plain(verdict.what)}" for verdict in verdicts)
        yield ""
        yield f"Risk: {rule.risk}<br>Fix: {rule.fix}<br>"
        yield f"Controls: {', '.join(str(control) for control in rule.controls)}"
        yield ""


def _waivers(review: Review) -> Iterator[str]:
    waived = review.of("waived")
    if not waived:
        return
    yield "### Waived"
    yield ""
    yield "| rule | resource | until | owner | ticket | reason |"
    yield "|---|---|---|---|---|---|"
    entries = {(waiver["rule"], waiver["resource"]): waiver for waiver in review.waivers}
    for verdict in waived:
        waiver = entries[verdict.rule, verdict.urn]
        cells = (plain(waiver[name]) for name in ("owner", "ticket", "reason"))
        yield f"| {verdict.rule} | {_name(verdict.urn)} | {verdict.expires} | {' | '.join(cells)} |"
    yield ""


def _recovery(review: Review) -> Iterator[str]:
    rows = [(store, path) for store in review.stores for path in store["paths"]]
    if not rows:
        return
    yield "### What would be lost"
    yield ""
    yield "If the store's own vendor is gone, at worst:"
    yield ""
    yield "| store | by | loss | kept | in |"
    yield "|---|---|---|---|---|"
    for store, path in rows:
        loss = path["lacking"] or path["arithmetic"]
        kept = "?" if path["retention_days"] is None else f"{path['retention_days']:g} d"
        copies = plain(", ".join(path["copies"]))
        yield f"| {_name(store['urn'])} | {plain(path['by'])} | {plain(loss)} | {kept} | {copies} |"
    yield ""


def _matrix(review: Review) -> Iterator[str]:
    if not review.verdicts:
        return
    yield "<details><summary>Compliance matrix</summary>"
    yield ""
    yield "| control | passed | violated | undecided | waived |"
    yield "|---|---|---|---|---|"
    for control, outcomes in review.by_control().items():
        numbers = (str(outcomes[name] or "") for name in ("passed", "violated", "undecided", "waived"))
        yield f"| {control} | {' | '.join(numbers)} |"
    yield ""
    yield "| rule | its controls | passed | not passed |"
    yield "|---|---|---|---|"
    for rule in sorted({verdict.rule for verdict in review.verdicts}):
        found = [verdict for verdict in review.verdicts if verdict.rule == rule]
        controls = ", ".join(str(control) for control in RULES_BY_ID[rule].controls)
        passed = ", ".join(_name(one.urn) for one in found if one.outcome == "passed")
        others = ", ".join(f"{_name(one.urn)} ({one.outcome})" for one in found if one.outcome != "passed")
        yield f"| {rule} | {controls} | {passed} | {others} |"
    yield ""
    yield "</details>"
    yield ""


def _named(urn: str) -> str:
    return f"{_name(urn)} ({plain(kind_of(urn))})"


def _name(urn: str) -> str:
    return plain(name_of(urn))


def code(name: str) -> str:
    """Show an input's name; one with a character of Markdown in it is a key of a map."""
    return f"`{name}`" if re.fullmatch(r"[\w.\[\]-]+", name) else plain(name)


def plain(text: str) -> str:
    """Take away what Markdown would read in a text; a pull request chooses the names in it."""
    escaped = re.sub(r"[\\`*_|<>\[\]]", r"\\\g<0>", " ".join(text.split()))
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")  # a mention would notify whoever is named
