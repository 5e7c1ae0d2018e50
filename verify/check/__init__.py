"""One version of a model against its original, on every probe, in every runtime; promotion of what is proven."""
