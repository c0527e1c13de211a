"""The vendors that the twin models: what exists there, their own rules, and the effects on the real parts."""
