"""Tests of the proof, and of the comparators themselves."""
