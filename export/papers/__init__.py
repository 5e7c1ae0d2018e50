"""What goes with a version that is proven: card as a page, bill of materials, provenance."""
