"""The drill `credentials`: what a thief with each credential can destroy, and what then still restores."""
