"""Named collections: what dl19 means, and the demo that the package carries."""
