"""Models of text: words and their weights inside the graph."""
