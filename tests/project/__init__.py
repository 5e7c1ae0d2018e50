"""Tests of the house: make, rooms, documents, a third model."""
