"""Programs in other languages that answer one call each, and the locks of what they stand on."""
