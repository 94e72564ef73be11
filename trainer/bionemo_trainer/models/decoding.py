"""Greedy decoding: the likeliest token, one after the other, until every sequence has ended.

Called by MegaMolBART's validation and by inference. The encoder runs once; a step runs the decoder over one new token
per sequence against cached keys and values. Shapes: B sequences, L steps.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from bionemo_trainer.models.batch import PackedTokens
from bionemo_trainer.models.encoder_decoder import EncoderDecoder
from bionemo_trainer.models.key_value_cache import empty_caches
from bionemo_trainer.tokenizers.protocol import Offsets, TokenIds
from bionemo_trainer.tokenizers.vocabulary import Vocabulary


@torch.no_grad()
def greedy_decode(
    network: EncoderDecoder, sources: PackedTokens, vocabulary: Vocabulary, *, max_tokens: int
) -> tuple[TokenIds, Offsets]:
    """What the model writes for each source, in the form that `Tokenizer.decode_batch` takes.

    Args:
        network: In any mode; nothing is dropped out, and its mode is as before afterwards.
        sources: What the encoder reads, on the network's device.
        vocabulary: Says which tokens begin and end a sequence; neither is part of the result.
        max_tokens: Where sequences that have not ended are cut, with the end token; at most as many as there are
            learned positions.

    Returns:
        Ids of all sequences joined, and where each starts and ends in them [B + 1].
    """
    with _evaluating(network):
        written_BL = _written(network, sources, vocabulary, min(max_tokens, network.max_positions))
    return _up_to_end(written_BL.cpu().numpy(), vocabulary.eos_id)


def _written(network: EncoderDecoder, sources: PackedTokens, vocabulary: Vocabulary, max_steps: int) -> Tensor:
    """The tokens of all steps; what follows an end token means nothing [B, L]."""
    num_sequences = sources.num_sequences
    sources = _in_whole_shares(network, sources)
    memory = network.encode(sources)
    caches = empty_caches(network.config.num_layers, max_steps)
    every_row = torch.arange(sources.num_sequences, device=sources.tokens_T.device)
    tokens_B = torch.full_like(every_row, vocabulary.bos_id)
    has_ended_B = every_row >= num_sequences  # fillers have nothing to say
    steps = []
    for step in range(max_steps):
        hidden_B1H = network.decode(_next_tokens(tokens_B, step), memory, caches)
        tokens_B = network.whole_logits(hidden_B1H, len(tokens_B)).argmax(dim=-1)
        steps.append(tokens_B)
        has_ended_B = has_ended_B | (tokens_B == vocabulary.eos_id)
        if bool(has_ended_B.all()):
            break
    return torch.stack(steps, dim=1)[:num_sequences]


def _in_whole_shares(network: EncoderDecoder, sources: PackedTokens) -> PackedTokens:
    """With fillers under sequence parallelism, so that each rank takes as many sequences of a step."""
    if not network.config.sequence_parallel:
        return sources
    num_ranks = network.groups.tp.size()
    return sources.filled_up(num_ranks, num_fillers=num_ranks - sources.num_sequences % num_ranks)


def _next_tokens(tokens_B: Tensor, step: int) -> PackedTokens:
    """One token per sequence, all at the same place."""
    return PackedTokens(
        tokens_T=tokens_B,
        positions_T=torch.full_like(tokens_B, step),
        cu_seqlens=torch.arange(len(tokens_B) + 1, dtype=torch.int32, device=tokens_B.device),
        max_seqlen=1,
    )


def _up_to_end(written_BL: np.ndarray, eos_id: int) -> tuple[TokenIds, Offsets]:
    has_begun_end_BL = np.logical_or.accumulate(written_BL == eos_id, axis=1)
    lengths_B = np.count_nonzero(~has_begun_end_BL, axis=1)
    offsets: Offsets = np.concatenate(([0], np.cumsum(lengths_B)))
    return written_BL[~has_begun_end_BL].astype(np.uint16), offsets


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
