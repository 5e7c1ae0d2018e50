"""Option chains as vendors write them: quotes, forwards and discounts by parity, implied volatilities, Greeks."""
