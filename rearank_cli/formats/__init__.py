"""How data is read and written: TREC files, JSONL, and the streams that carry them."""
