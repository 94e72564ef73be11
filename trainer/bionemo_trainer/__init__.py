"""Data preparation, tokenizers and training of biomolecular language models."""
