"""The volatility predictor: dated implied-volatility surfaces -> tomorrow's and later ones (Keras)."""
