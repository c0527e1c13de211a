"""What the stand-ins of the vendors' providers share: types by their schemas, rules, comparison."""
