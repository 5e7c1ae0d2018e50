"""What every model's training shares: contract types, records, files, errors, the command line's manners."""
