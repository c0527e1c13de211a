"""The database side: what is read for a backup, and how it comes back."""
