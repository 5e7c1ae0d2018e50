"""Recurrent layers and their cells: one operator, or written out step by step."""
