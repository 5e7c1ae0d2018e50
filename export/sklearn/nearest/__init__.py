"""Estimators that look at stored rows near to the one they are given."""
