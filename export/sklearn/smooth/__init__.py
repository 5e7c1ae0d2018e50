"""Estimators whose answer is a formula over all their columns: within 1e-12 of scikit-learn's float64 answer."""
