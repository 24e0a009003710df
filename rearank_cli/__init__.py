"""Listwise reasoning reranking: retrieve, rerank, evaluate (after REARANK, arXiv 2505.20046)."""

__version__ = "0.1.0"
