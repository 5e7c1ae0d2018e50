"""One lowering for each kind of transformer: what its `transform` computes, as column expressions."""
