"""Tests of what every model's training shares."""
