"""Backup, restore and verification of object files, between the platform's file store and the vault."""
