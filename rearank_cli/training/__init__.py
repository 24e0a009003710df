"""Training a reranker: lists from judgements, rewards, GRPO and SFT on TRL."""
