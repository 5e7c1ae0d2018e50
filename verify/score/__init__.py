"""Rows without number through a compiled model: files in, Parquet out, on every core, and on again."""
