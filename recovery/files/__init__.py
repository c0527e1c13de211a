"""Object files: copied from where the platform keeps them into the vault, and back."""
