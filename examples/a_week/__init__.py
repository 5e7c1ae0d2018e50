"""A week of a model that is replaced while it serves: `python -m examples.a_week`."""
