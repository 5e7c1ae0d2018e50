"""Forecasts and surfaces against what came, beside the rivals that they have to beat."""
