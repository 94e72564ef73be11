"""Small networks of every family, and batches for them. Needs torch; imported by the suites that do."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import distributed, nn

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data import packing
from bionemo_trainer.data.samples import IGNORED, EncoderDecoderSample, EncoderSample, decoder_sample
from bionemo_trainer.engine.process_groups import Ranks, Rendezvous, join_process_groups, leave_process_groups
from bionemo_trainer.models.batch import EncoderBatch, EncoderDecoderBatch, PackedTokens
from bionemo_trainer.models.build import Network, build_model
from bionemo_trainer.models.compilation import CompiledRun
from bionemo_trainer.models.freight import Freight
from bionemo_trainer.models.layers import PackedLayer
from bionemo_trainer.tokenizers.protocol import TokenIds
from bionemo_trainer.tokenizers.vocabulary import esm2_vocabulary, protein_vocabulary

CPU = torch.device("cpu")
ESM1NV = "protein/esm1nv/pretrain_small"
ESM2NV = "protein/esm2nv/pretrain_esm2_8M"
MEGAMOLBART = "molecule/megamolbart/pretrain_xsmall_span_aug"
PROTT5NV = "protein/prott5nv/pretrain_small"
ENCODERS = (ESM1NV, ESM2NV)
ENCODER_DECODERS = (MEGAMOLBART, PROTT5NV)
FAMILIES = (*ENCODERS, *ENCODER_DECODERS)

ON_CPU = ("trainer.num_nodes=1", "trainer.devices=1", "trainer.accelerator=cpu", "trainer.precision='32'")
SMALL = (
    "model.num_layers=2",
    "model.hidden_size=32",
    "model.ffn_hidden_size=64",
    "model.num_attention_heads=4",
    "model.init_method_std=0.1",
    *ON_CPU,
)
NO_DROPOUT = ("model.hidden_dropout=0.0", "model.attention_dropout=0.0")
ALONE = Ranks(world=0, data=0, tensor=0, pipeline=0, device=CPU)

type Batch = EncoderBatch | EncoderDecoderBatch
type Sample = EncoderSample | EncoderDecoderSample


def small_config(recipe: str, *overrides: str) -> TrainConfig:
    """A recipe with two narrow layers, on one CPU."""
    return load_recipe(recipe, (*SMALL, *overrides)).config


def small_network(recipe: str, *overrides: str) -> Network:
    """The network of a small configuration, with its initial weights, in training mode."""
    return build_model(small_config(recipe, *overrides), CPU)


def runs_compiled(network: nn.Module) -> bool:
    """Whether every layer does; one that fell back to what was written would compute the same."""
    layers = [module for module in network.modules() if isinstance(module, PackedLayer)]
    assert layers, "a network has layers"
    return all(isinstance(layer.run, CompiledRun) for layer in layers)


def samples_for(recipe: str, lengths: tuple[int, ...] = (7, 12, 1, 9), seed: int = 0) -> list[Sample]:
    """One sample of random tokens per length: about half of an encoder's places are targets, all of a decoder's."""
    draw = np.random.default_rng(seed)
    if recipe in ENCODERS:
        mask_id = esm2_vocabulary().mask_id if recipe == ESM2NV else protein_vocabulary().mask_id
        return [_masked(draw, length, mask_id) for length in lengths]
    return [_pair(draw, length) for length in lengths]


def batch_of(samples: list[Sample]) -> Batch:
    """Samples of one kind as one micro batch."""
    encoder_samples = [sample for sample in samples if isinstance(sample, EncoderSample)]
    if encoder_samples:
        return Freight.of(packing.pack_encoder(encoder_samples)).to(CPU)
    pairs = [sample for sample in samples if isinstance(sample, EncoderDecoderSample)]
    return Freight.of(packing.pack_encoder_decoder(pairs)).to(CPU)


def tokens_of(sequences: list[TokenIds], device: torch.device = CPU) -> PackedTokens:
    """Sequences alone, without anything to predict."""
    pack = packing.packed(sequences)
    nothing = np.full(len(pack.tokens), IGNORED, dtype=np.int32)
    batch = Freight.of(packing.EncoderBatch(inputs=pack, labels=nothing)).to(device)
    assert isinstance(batch, EncoderBatch), "one side was packed"
    return batch.inputs


def batch_for(recipe: str, lengths: tuple[int, ...] = (7, 12, 1, 9), seed: int = 0) -> Batch:
    """A micro batch of random samples."""
    return batch_of(samples_for(recipe, lengths, seed))


@contextmanager
def process_groups_of_one() -> Iterator[None]:
    """Groups in which this process is alone, unless it has joined some already."""
    if distributed.is_initialized():
        yield
        return
    layout = layout_of(small_config(ESM2NV))
    store = distributed.HashStore()  # type: ignore[attr-defined]  # torch exports it without saying so
    join_process_groups(layout, Rendezvous(store=store))
    yield
    leave_process_groups()


def _masked(draw: np.random.Generator, length: int, mask_id: int) -> EncoderSample:
    residues = draw.integers(5, 24, length).astype(np.uint16)
    is_target = draw.random(length) < 0.5
    is_target[0] = True
    is_masked = is_target & (draw.random(length) < 0.8)
    return EncoderSample(
        tokens=np.where(is_masked, np.uint16(mask_id), residues),
        labels=np.where(is_target, residues.astype(np.int32), IGNORED),
    )


def _pair(draw: np.random.Generator, length: int) -> EncoderDecoderSample:
    read = draw.integers(5, 24, length).astype(np.uint16)
    written = draw.integers(5, 24, max(length - 2, 0)).astype(np.uint16)
    return decoder_sample(read, written, bos_id=2, eos_id=3)
