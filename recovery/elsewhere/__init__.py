"""The copy elsewhere: backups at another cloud, encrypted to a public key (docs/decisions/0016)."""
