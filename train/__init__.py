"""Fit, calibrate and evaluate the models on trades and volatility surfaces (scikit-learn, Keras)."""
