"""The loop that brings the cluster to what resources ask for: a queue of keys, passes over them, and what passes report."""
