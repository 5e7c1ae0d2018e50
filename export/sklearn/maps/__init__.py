"""Transformers that make a whole table of all their columns: kernels, splines, trees, other models' answers."""
