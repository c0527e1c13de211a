"""The vault: an S3 bucket that takes objects and gives none up."""
