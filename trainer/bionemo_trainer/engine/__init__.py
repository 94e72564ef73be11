"""The wall around torch.distributed and megatron-core: process groups, devices and random numbers of a rank."""
