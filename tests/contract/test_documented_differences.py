"""docs/twin-differences.md has each difference that the tests expect, and each of its lines names a test."""

import ast
from pathlib import Path

import pytest
import test_neon_twin
import test_pagerduty_twin
import test_railway_twin
import test_sentry_twin
import test_uptimerobot_twin
import test_vercel_twin
from installations import CHECKOUT

_TABLE = (CHECKOUT / "docs" / "twin-differences.md").read_text().splitlines()
LINES = [[cell.strip() for cell in line.strip("|").split("|")] for line in _TABLE if line.startswith("| ")][
    1:
]
EXPECTED = {
    "Neon": test_neon_twin.DIFFERENCES,
    "UptimeRobot": test_uptimerobot_twin.DIFFERENCES,
    "Sentry": test_sentry_twin.DIFFERENCES,
    "Railway": test_railway_twin.DIFFERENCES,
    "Vercel": test_vercel_twin.DIFFERENCES,
    "PagerDuty": test_pagerduty_twin.DIFFERENCES,
}


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]} {line[1]}")
def test_each_documented_difference_names_an_existing_test(line: list[str]) -> None:
    file, _, name = line[-1].strip("`").partition("::")
    tree = ast.parse((Path(__file__).parent / file).read_text())
    assert name in {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}


@pytest.mark.parametrize("vendor", EXPECTED)
def test_each_expected_difference_is_documented(vendor: str) -> None:
    inputs = " ".join(line[1] for line in LINES if line[0] == vendor)
    names = {
        difference.partition(":")[0].removeprefix("without ")
        for differences in EXPECTED[vendor].values()
        for difference in differences
    }
    assert {name for name in names if f"`{name}" not in inputs} == set()
