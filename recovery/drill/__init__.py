"""Drills: recovery into a throw-away environment, measured, verified and recorded as evidence."""
