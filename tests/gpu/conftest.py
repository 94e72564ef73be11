"""The suite for one GPU. Where torch sees none, each module leaves itself out."""
