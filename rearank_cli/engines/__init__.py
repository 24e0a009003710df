"""What answers prompts: one file an engine, all behind one protocol."""
