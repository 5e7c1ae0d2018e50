"""The long tables of the volatility predictor."""
