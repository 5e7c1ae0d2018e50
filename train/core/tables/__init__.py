"""Tables as files hold them: text in any packing and encoding, Parquet, and the dates that they write."""
