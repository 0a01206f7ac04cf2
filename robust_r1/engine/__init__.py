"""Ask models about pictures."""
