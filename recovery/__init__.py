"""Backups, restores, verification and drills of what a stack declares."""
