"""Markdown of a review, for a pull request's comment or a job's summary."""

import re
from collections.abc import Iterator
from typing import Final

from core.text import printable
from review.comparison import BaseComparison, LostSubjects
from review.review import RULES_BY_ID, Review, Step, kind_of, name_of

LONGEST: Final = 65_000
"""GitHub accepts comments of up to 65,536 characters."""

_MOST_FILES: Final = 20
"""Named of each kind, so that many changed files push no violation out of a comment."""


def render(review: Review) -> str:
    """Return the Markdown. Its first line identifies the comment, so that the next run edits the same one."""
    return truncate("\n".join([*_render_lines(review), *_render_matrix(review)]) + "\n")


def truncate(text: str) -> str:
    """Cut a text that is too long for GitHub."""
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST].rpartition("\n")[0]
    closing = "\n</details>\n" * (cut.count("<details>") - cut.count("</details>"))
    return f"{cut}\n{closing}\n*Cut here; the rest is in the report that the job keeps.*\n"


def marker(stack: str, occasion: str) -> str:
    return f"<!-- bulwark {occasion}: {stack} -->"


def _render_lines(review: Review) -> Iterator[str]:
    yield marker(review.stack, review.occasion)
    yield f"## {_render_verdict(review)}"
    yield ""
    if review.comparison:
        yield from _render_comparison(review.comparison)
    if not review.stopped:
        yield review.judged_sentence
        yield ""
    else:
        yield "The policies could not be asked. The engine said:"
        yield ""
        fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", review.stopped))])
        yield f"{fence}text"
        yield review.stopped
        yield fence
        yield ""
    for step in review.losses:
        yield "> [!CAUTION]"
        yield f"> **{_name_and_type(step.urn)} would be {step.change}, and the data that it holds with it.**"
        if step.properties:
            yield f"> Because of: {', '.join(map(format_input, step.properties))}"
        yield ""
    if review.occasion == "review" and not review.stopped:
        yield from _render_plan(review)
    yield from _render_findings("Violations", review, "violated")
    yield from _render_findings("Could not be decided", review, "undecided")
    yield from _render_waivers(review)
    if review.disabled:
        yield f"**Switched off** by `policies/config/{review.stack}.json`: {', '.join(review.disabled)}"
        yield ""
    if review.loosened:
        settings = ", ".join(map(format_input, review.loosened))
        yield f"**Demand less than the defaults**, by `policies/config/{review.stack}.json`: {settings}"
        yield ""
    if review.expendable:
        names = ", ".join(map(_escaped_name, review.expendable))
        yield f"**Hold nothing of value**, as the program declares: {names}"
        yield ""
    yield from _render_recovery(review)
    yield from _render_losses(review)


def _render_verdict(review: Review) -> str:
    where = f"`{review.stack}`"
    if review.stopped:
        return f"❌ {where} could not be judged"
    comparison = review.comparison
    if count := len(review.refusals):
        return f"❌ {where} is refused: {count} violation{'s' if count > 1 else ''}"
    if comparison and comparison.refusals:
        count = len(comparison.refusals)
        return f"❌ {where} is refused by the base's policies: {count} violation{'s' if count > 1 else ''}"
    if not review.passes:
        return f"❌ {where} is not compared with its base"
    passes = f"✅ {where} passes {len(review.evaluated)} policies"
    return f"{passes}, and changes what judges it" if comparison and comparison.is_loud else passes


def _render_comparison(comparison: BaseComparison) -> Iterator[str]:
    if not comparison.is_loud and comparison.passes:
        return
    yield "> [!CAUTION]"
    if comparison.skipped:
        yield "> **Nothing was compared with the base:** the caller wanted none."
    elif comparison.unknown:
        yield f"> **The base's policies did not judge:** {escape(comparison.unknown)}"
    if comparison.files:
        yield f"> **This changes what judges it** (since `{comparison.short}`). A code owner must agree."
    for guard, files in comparison.files_by_guard().items():
        names = [f"{format_input(printable(file.path))} {file.change}" for file in files[:_MOST_FILES]]
        more = [f"{len(files) - _MOST_FILES} more"] if len(files) > _MOST_FILES else []
        yield f"> - {guard}: {', '.join([*names, *more])}"
    for lost in comparison.lost:
        yield f"> - **{describe_lost(lost)}**"
    yield ""
    if comparison.refusals:
        yield f"### Refused by the policies of `{comparison.short}`, and not by these"
        yield ""
        yield from (
            f"- **{escape(verdict.rule)}**: {escape(verdict.finding)}" for verdict in comparison.refusals
        )
        yield ""
    if comparison.differences:
        yield f"<details open><summary>{len(comparison.differences)} verdicts differ from the base</summary>"
        yield ""
        yield "| rule | resource | by the base's policies | by these |"
        yield "|---|---|---|---|"
        for difference in comparison.differences:
            name = _escaped_name(difference.urn)
            yield f"| {escape(difference.rule)} | {name} | {difference.at_base} | {difference.here} |"
        yield ""
        yield "</details>"
        yield ""


def describe_lost(lost: LostSubjects) -> str:
    """Return what a rule no longer judges, as one sentence without its period."""
    resources = f"{lost.at_base} resource{'s' if lost.at_base > 1 else ''}"
    how = "is gone or disabled" if lost.is_gone else "judges nothing any more"
    return f"{lost.rule} {how}; by the base's policies it judges {resources}"


def _render_plan(review: Review) -> Iterator[str]:
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
    for step in sorted(review.steps, key=_sort_key):
        differing = ", ".join(map(format_input, step.properties))
        yield f"| {step.change} | {_escaped_name(step.urn)} | {escape(kind_of(step.urn))} | {differing} |"
    yield ""
    yield "</details>"
    yield ""


def _sort_key(step: Step) -> tuple[int, str]:
    return ("deleted", "replaced", "changed", "adopted", "created").index(step.change), step.urn


def _render_findings(title: str, review: Review, outcome: str) -> Iterator[str]:
    findings = review.by_rule(outcome)
    if not findings:
        return
    yield f"### {title}"
    yield ""
    for rule, verdicts in findings.items():
        yield f"**{rule.id}** ({verdicts[0].severity_label}): {rule.title}"
        yield from (f"- {escape(verdict.finding)}" for verdict in verdicts)
        yield ""
        yield f"Risk: {rule.risk}<br>Fix: {rule.fix}<br>"
        yield f"Controls: {', '.join(str(control) for control in rule.controls)}"
        yield ""


def _render_waivers(review: Review) -> Iterator[str]:
    waived = review.with_outcome("waived")
    if not waived:
        return
    yield "### Waived"
    yield ""
    yield "| rule | resource | until | owner | ticket | reason |"
    yield "|---|---|---|---|---|---|"
    entries = {(waiver["rule"], waiver["resource"]): waiver for waiver in review.waivers}
    for verdict in waived:
        waiver = entries[verdict.rule, verdict.urn]
        cells = (escape(waiver[name]) for name in ("owner", "ticket", "reason"))
        yield f"| {verdict.rule} | {_escaped_name(verdict.urn)} | {verdict.expires} | {' | '.join(cells)} |"
    yield ""


def _render_losses(review: Review) -> Iterator[str]:
    losses = review.losses_of_stores()
    if not losses:
        return
    yield "### What would be left"
    yield ""
    yield "If one of them is lost, or turns hostile:"
    yield ""
    yield "| lost or hostile | store | left |"
    yield "|---|---|---|"
    for loss in losses:
        yield f"| {escape(loss.thing)} | {escape(loss.store)} | {escape(loss.left) or '**nothing**'} |"
    yield ""


def _render_recovery(review: Review) -> Iterator[str]:
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
        copies = escape(", ".join(path["copies"]))
        yield f"| {_escaped_name(store['urn'])} | {escape(path['by'])} | {escape(loss)} | {kept} | {copies} |"
    yield ""


def _render_matrix(review: Review) -> Iterator[str]:
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
        verdicts = [verdict for verdict in review.verdicts if verdict.rule == rule]
        controls = ", ".join(str(control) for control in RULES_BY_ID[rule].controls)
        passed = ", ".join(_escaped_name(verdict.urn) for verdict in verdicts if verdict.outcome == "passed")
        others = ", ".join(
            f"{_escaped_name(verdict.urn)} ({verdict.outcome})"
            for verdict in verdicts
            if verdict.outcome != "passed"
        )
        yield f"| {rule} | {controls} | {passed} | {others} |"
    yield ""
    yield "</details>"
    yield ""


def _name_and_type(urn: str) -> str:
    return f"{_escaped_name(urn)} ({escape(kind_of(urn))})"


def _escaped_name(urn: str) -> str:
    return escape(name_of(urn))


def format_input(name: str) -> str:
    """Return an input's name as code; escaped if it contains a map's key with special characters."""
    return f"`{name}`" if re.fullmatch(r"[\w.\[\]-]+", name) else escape(name)


def escape(text: str) -> str:
    """Escape Markdown in a text: the author of a pull request chooses the names in it."""
    escaped = re.sub(r"[\\`*_|<>\[\]]", r"\\\g<0>", " ".join(text.split()))
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")  # a mention would notify that user
