"""SARIF 2.1.0 of a review (OASIS, "Static Analysis Results Interchange Format"), for code scanning."""

import hashlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from policies.report import ReportedVerdict
from review.comparison import BaseComparison
from review.markdown import describe_lost
from review.review import RULES_BY_ID, Review, name_of
from review.settings_lines import locate, read_repository

_LEVELS: Final[dict[str, str]] = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
_SECURITY: Final = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0"}
"""Severity -> a score in the range of the same name (GitHub, "SARIF support": security-severity)."""

_COMPARISON_RULES: Final = {
    "base-unknown": "The base's policies did not judge",
    "judge-changed": "A file that judges changes differs from the base",
    "rule-without-subjects": "A rule judges nothing any more",
    "base-refuses": "The base's policies refuse what these let pass",
}


def render(review: Review, folder: Path) -> dict[str, Any]:
    """Return the SARIF log. Its results point into the stack's settings file in `folder`."""
    severities = {verdict.rule: verdict.severity for verdict in review.verdicts}
    ids = sorted(severities)
    results = [
        _make_result(review, verdict, ids.index(verdict.rule), folder)
        for verdict in review.shown
        if verdict.outcome != "passed"
    ]
    guards, compared = _render_comparison(review, folder)
    repository = read_repository(review.stack, folder)
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "bulwark",
                        "version": metadata.version("bulwark"),
                        "rules": [*(_make_rule(id_, severities[id_], repository) for id_ in ids), *guards],
                    }
                },
                "automationDetails": {"id": f"bulwark/{review.occasion}/{review.stack}/"},
                "invocations": [{"executionSuccessful": not review.stopped}],
                "results": [*compared, *results],
            }
        ],
    }


def _render_comparison(review: Review, folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rules about the comparison with the base, and their results, which come first."""
    found = list(_list_findings(review.comparison)) if review.comparison else []
    ids = list(dict.fromkeys(id_ for id_, *_ in found))
    rules = [
        {
            "id": id_,
            "shortDescription": {"text": _COMPARISON_RULES[id_]},
            "defaultConfiguration": {"level": "error"},
            "properties": {"security-severity": _SECURITY["critical"]},
        }
        for id_ in ids
    ]
    results: list[dict[str, Any]] = []
    for id_, text, urn, path in found:
        file, line = (path, 1) if path else locate(review.stack, "", urn, "", folder)
        identity = hashlib.sha256(f"{id_}\0{text}".encode()).hexdigest()
        results.append(
            {
                "ruleId": id_,
                "level": "error",
                "message": {"text": text},
                "locations": [
                    {"physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}}}
                ],
                "partialFingerprints": {"ruleAndResource/v1": identity},
            }
        )
    return rules, results


def _list_findings(comparison: BaseComparison) -> Iterator[tuple[str, str, str, str]]:
    """Yield a key of _COMPARISON_RULES, a text, a resource's URN and a file's path, empty without one."""
    if comparison.unknown:
        yield "base-unknown", f"The base's policies did not judge: {comparison.unknown}.", "", ""
    for file in comparison.files:
        yield "judge-changed", f"{file.guard}: {file.path} {file.change}.", "", quote(file.path)
    for lost in comparison.lost:
        yield "rule-without-subjects", f"{describe_lost(lost)}.", "", ""
    for verdict in comparison.refusals:
        yield "base-refuses", f"{verdict.rule}: {verdict.message}", verdict.urn, ""


def _make_rule(id_: str, severity: str, repository: str) -> dict[str, Any]:
    rule = RULES_BY_ID[id_]
    page = (
        {"helpUri": f"https://github.com/{repository}/blob/HEAD/docs/policies.md#{id_}"} if repository else {}
    )
    return {
        **page,
        "id": id_,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.risk},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "security-severity": _SECURITY[severity],
            "tags": [str(control) for control in rule.controls],
        },
    }


def _make_result(review: Review, verdict: ReportedVerdict, index: int, folder: Path) -> dict[str, Any]:
    file, line = locate(review.stack, verdict.rule, verdict.urn, verdict.finding, folder)
    identity = hashlib.sha256(f"{verdict.rule}\0{verdict.urn}".encode()).hexdigest()
    result: dict[str, Any] = {
        "ruleId": verdict.rule,
        "ruleIndex": index,
        "level": "note" if verdict.advisory else _LEVELS[verdict.severity],
        "message": {"text": verdict.message},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}},
                "logicalLocations": [
                    {"name": name_of(verdict.urn), "fullyQualifiedName": verdict.urn, "kind": "resource"}
                ],
            }
        ],
        "partialFingerprints": {"ruleAndResource/v1": identity},
    }
    if verdict.outcome == "waived":
        waiver = next(
            waiver
            for waiver in review.waivers
            if (waiver["rule"], waiver["resource"]) == (verdict.rule, verdict.urn)
        )
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": waiver["reason"]}
        ]
    return result
