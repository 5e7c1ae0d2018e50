"""What rows a split must meet to show itself: pairs of leaves, and cells between all thresholds."""
