"""What a recipe would take, told before any weights are loaded: faults, lengths, memory, hours."""
