"""Rows that tell a model's splits apart, or proof that no row can."""
