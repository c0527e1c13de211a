"""
The vendors' own providers, and production deployed through them.

Without the providers these tests are skipped, and the last lines of the run say so. With
`BULWARK_REQUIRE_PROVIDERS` set they fail instead.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from deployment import Deployment
from installations import Installation, make_installation, remove
from plain_pulumi import find_language_host

from core.failure import Failure
from toolchain.providers import VARIABLE, VENDORS, find_providers

REQUIRE_VARIABLE = "BULWARK_REQUIRE_PROVIDERS"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a contract test that would be skipped, if the environment demands that all of them run."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get(REQUIRE_VARIABLE):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} did not run, although {REQUIRE_VARIABLE} is set: {report.longreprtext}"
        )
    return report


def _find(*vendors: str) -> Path:
    """Return a PULUMI_HOME with the providers of these vendors, or skip the test that needs them."""
    try:
        return find_providers(vendors)
    except Failure as failure:
        pytest.skip(f"NOT TESTED against the vendors' own providers: {failure}")


@pytest.fixture(scope="session")
def real_plugins() -> Path:
    """Give a PULUMI_HOME with the providers that production needs."""
    return _find(*VENDORS)


@pytest.fixture(scope="session")
def real_neon() -> Path:
    return _find("neon")


@pytest.fixture(scope="session")
def real_uptimerobot() -> Path:
    return _find("uptimerobot")


@pytest.fixture(scope="session")
def real_sentry() -> Path:
    return _find("sentry")


@pytest.fixture(scope="session")
def real_railway() -> Path:
    return _find("railway")


@pytest.fixture(scope="session")
def real_vercel() -> Path:
    return _find("vercel")


@pytest.fixture(scope="session")
def real_pagerduty() -> Path:
    return _find("pagerduty")


@pytest.fixture(scope="session")
def real(real_plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give the unchanged Pulumi.prod.yaml, deployed through the real providers."""
    installation = make_installation(
        tmp_path_factory.mktemp("real") / "checkout", **{VARIABLE: str(real_plugins)}
    )
    try:
        ended = installation.bulwark(
            *("up", "--stack", "prod", "--twin", "--yes", "--providers", "real"), timeout_seconds=600
        )
        assert ended.code == 0, ended.text[-4_000:]
        yield Deployment(installation, "prod")
    finally:
        remove(installation)


@pytest.fixture(scope="session")
def language_host() -> Path:
    return find_language_host()


@pytest.fixture(scope="session")
def failing(real_plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Give an installation with nothing deployed at first."""
    folder = tmp_path_factory.mktemp("failing") / "checkout"
    installation = make_installation(folder, **{VARIABLE: str(real_plugins)})
    yield installation
    remove(installation)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines that the contract tests did not run."""
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report, pytest.TestReport) and report.nodeid.startswith("tests/contract/")
    ]
    if skipped:
        terminalreporter.section("THE CONTRACT TESTS DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(skipped)} tests need the vendors' own providers, which can't be had here."
        )
        terminalreporter.line(
            f"Nothing is known about how production does with them. Set {VARIABLE} and run them."
        )
