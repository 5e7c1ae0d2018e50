"""Tests of the signal classifier."""
