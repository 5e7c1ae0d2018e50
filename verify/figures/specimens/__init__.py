"""What the long tables look at: boosters, layers, random pipelines."""
