"""The health of a stack in one view: backups, drills, monitors, issues, drift, and what ends soon."""
