"""What of this machine `rearank` can use."""
