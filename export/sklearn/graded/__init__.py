"""What an estimator is compared on before its graph leaves, and the grade that the graph earns."""
