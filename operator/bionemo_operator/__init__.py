"""Kubernetes operator and command line for training biomolecular language models."""
