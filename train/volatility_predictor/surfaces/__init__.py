"""Surface files -> daily features, and simulated surfaces."""
