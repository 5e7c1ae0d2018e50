"""The life of a version: gate, promotion, rollback, history, pruning, signatures (`docs/retraining.md`)."""
