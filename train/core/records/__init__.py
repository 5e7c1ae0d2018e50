"""What training leaves beside a model: its record, evidence for pictures, the window of the gate, skill on series."""
