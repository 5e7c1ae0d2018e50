"""Tables that rest on stored rows, kernels, knots or other models: transformers, and estimators by neighbours."""
