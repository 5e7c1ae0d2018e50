"""One lowering for each kind of estimator."""
