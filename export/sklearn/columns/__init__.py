"""What stands before an estimator: transformers as column expressions, split thresholds in raw units."""
