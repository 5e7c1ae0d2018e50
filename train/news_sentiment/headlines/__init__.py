"""Headlines whose truth is known, and headlines from files."""
