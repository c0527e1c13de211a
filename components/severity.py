"""Incident levels, by which channels are told."""

from typing import Literal

Severity = Literal["sev1", "sev2", "sev3", "sev4"]
"""sev1: platform down or data lost, sev4: cosmetic."""
