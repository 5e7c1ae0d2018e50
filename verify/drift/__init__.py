"""A log of live answers against what the model was trained on, and against what came of it."""
