"""A run that requires the vendors' own providers fails without them."""

import os
from pathlib import Path

import pytest

pytest_plugins = "pytester"

_TESTS = Path(__file__).parents[1]
_TEST = """
from pathlib import Path

def test_against_the_real_providers(real_plugins: Path) -> None:
    assert real_plugins
"""


@pytest.mark.parametrize(("required", "outcome"), [("", {"skipped": 1}), ("1", {"errors": 1})])
def test_missing_providers_skip_contract_tests_or_fail_them(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, required: str, outcome: dict[str, int]
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (_TESTS.parent, _TESTS, _TESTS / "engine"))))
    monkeypatch.setenv("BULWARK_PROVIDERS", str(pytester.path / "none"))
    monkeypatch.setenv("BULWARK_REQUIRE_PROVIDERS", required)
    folder = pytester.mkdir("tests") / "contract"
    folder.mkdir()
    (folder / "conftest.py").write_text((_TESTS / "contract" / "conftest.py").read_text())
    (folder / "test_real.py").write_text(_TEST)
    ended = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA")
    ended.assert_outcomes(**outcome)
    shown = ended.stdout.str()
    assert "lacks some of the providers" in shown
    assert ("did not run, although BULWARK_REQUIRE_PROVIDERS is set" in shown) == bool(required)
    assert ("THE CONTRACT TESTS DID NOT RUN" in shown) != bool(required)
