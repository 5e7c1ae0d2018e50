"""How good the answers are, beside word lists."""
