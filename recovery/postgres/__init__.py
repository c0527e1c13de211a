"""Backups and restores of a PostgreSQL database."""
