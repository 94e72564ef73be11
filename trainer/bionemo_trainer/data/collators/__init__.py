"""Rows to samples: augmentation and masking, one module for each objective.

A collator is a pure function of (seed, position in the run, text). Batch, worker, rank and order play no part, so a run
resumed anywhere sees the same samples with the same masks.
"""
