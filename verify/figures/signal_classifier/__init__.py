"""The long tables of the signal classifier."""
