"""From notices to people: which channel is told when, and that each is told once."""
