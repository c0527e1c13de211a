"""What the modelled vendors share: the store, the base class of their models, HTTP, faults and webhooks."""
