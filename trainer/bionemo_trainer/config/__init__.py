"""Configurations in BioNeMo's language: recipes, overrides, the typed value they make, and the checks before a run.

Imports neither torch nor RDKit, so the operator and `bionemo check` judge a training with the trainer's own code.
"""
