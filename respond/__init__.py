"""What an operator does at the vendors during an incident, one step a module (decision 49)."""
