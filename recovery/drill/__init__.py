"""Drills: recovery tried for real, measured, and written down."""
