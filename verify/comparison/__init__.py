"""The comparator: two sets of answers in, what differs and why out."""
