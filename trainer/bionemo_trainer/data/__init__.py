"""Datasets: how they are prepared, read, put in order, augmented and packed. No module here imports torch."""
