"""One thin file a command: options, one call, one loop that writes."""
