"""The runtime half: backups, restores and drills of what the stack declares."""
