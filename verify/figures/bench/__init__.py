"""The benchmark of `make bench`: this project and others side by side in one run."""
