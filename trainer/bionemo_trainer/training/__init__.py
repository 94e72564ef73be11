"""Trains a network: Lightning's loop around the engine, NeMo's experiment manager, checkpoints, progress."""
