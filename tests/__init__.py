"""Tests, one file per module; run all of them with `make test`."""
