"""Whether a file is what it seems: units, columns against each other, levels, stale and doubled days."""
