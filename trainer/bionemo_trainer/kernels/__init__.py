"""Kernels in Triton for what the networks do with packed sequences; GPUs only, each beside the plain torch that it replaces."""
