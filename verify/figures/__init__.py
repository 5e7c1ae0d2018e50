"""The long tables of `make bench`: nothing that a user's command imports."""
