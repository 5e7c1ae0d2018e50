"""The signal classifier: eight numbers of a trade signal -> probability of profit (scikit-learn)."""
