"""Tests of the volatility predictor."""
