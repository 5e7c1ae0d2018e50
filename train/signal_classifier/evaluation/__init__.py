"""How good a classifier is: figures of merit, the baselines it has to beat, one table, pictures."""
