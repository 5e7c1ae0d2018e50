"""Estimators made of other estimators: bagging, AdaBoost, stacking, one against the rest, chains, thresholds."""
