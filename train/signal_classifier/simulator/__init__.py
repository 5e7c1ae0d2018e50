"""The market simulator: trade signals whose true probability of profit is known."""
