"""Of the life of a version: gate, promotion, rollback, history, signatures, retraining."""
