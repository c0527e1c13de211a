"""The vault: an S3 bucket whose objects are locked and that is never deleted from."""
