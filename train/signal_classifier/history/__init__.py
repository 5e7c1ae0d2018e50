"""Trading histories: the CSV read strictly, labelled rows, splits that never look ahead."""
