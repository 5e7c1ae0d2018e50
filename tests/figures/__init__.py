"""Tests of the long tables."""
