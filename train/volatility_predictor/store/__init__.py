"""The history store and the days that a forecast rests on; the same file and rules as the Rust runtime's."""
