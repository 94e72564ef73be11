"""The networks, on megatron-core: ESM-1nv and ESM-2 as encoders, MegaMolBART and ProtT5nv as encoder-decoders."""
