"""Of logs of live answers: reading, drift, learning from them, the gate on them."""
