"""Tables as files hold them: text in any packing and encoding, and the dates that they write."""
