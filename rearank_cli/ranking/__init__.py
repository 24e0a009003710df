"""Listwise reranking: windows, strategies, prompts, the parser, the scheduler."""
