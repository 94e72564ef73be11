"""What a rank sends agrees with a walk through the layers, and with the sizes of what the engine sums and shares."""

import pytest

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.parameters import num_parameters, padded_vocabulary_size
from bionemo_trainer.config.speed.communication import Communication, communication_of
from bionemo_trainer.config.speed.gpus import GPUS, GpuName
from bionemo_trainer.config.speed.links import Links
from bionemo_trainer.config.speed.rings import rings_of
from bionemo_trainer.config.speed.workload import workload_of
from testkit.step_replay import layer_exchanges

ESM2 = "protein/esm2nv/pretrain_esm2_650M"
PROTT5NV = "protein/prott5nv/pretrain_small"
LENGTH = 264.0
LINKS = Links.of(GPUS[GpuName.H100], 400)
TENSOR = "model.tensor_model_parallel_size=4"
SEQUENCE = "model.sequence_parallel=True"
PIPELINE = "model.pipeline_model_parallel_size=3"


class Sent:
    """What a configuration sends, with all that decides it."""

    def __init__(self, recipe, *overrides, devices=8, nodes=1):
        places = [f"trainer.num_nodes={nodes}", f"trainer.devices={devices}", "trainer.precision=bf16-mixed"]
        self.config = load_recipe(recipe, [*places, *overrides]).config
        self.work = workload_of(self.config, LENGTH)
        self.rings = rings_of(layout_of(self.config), LINKS)
        self.seconds = communication_of(self.config, self.work, self.rings)

    def walked(self, *, has_memory):
        """Seconds of one layer, exchange by exchange."""
        is_split, total = self.config.model.sequence_parallel, 0.0
        own = self.work.decoder_tokens if has_memory else self.work.encoder_tokens
        for exchange in layer_exchanges(has_memory=has_memory, is_sequence_parallel=is_split):
            message_bytes = self.bytes_of(self.work.encoder_tokens if exchange.of_memory else own)
            one = self.rings.tensor.sum_seconds if exchange.kind == "sum" else self.rings.tensor.part_seconds
            total += one(message_bytes)
        return total

    def sum_of(self, tokens):
        """Seconds of one sum, outside of the layers."""
        ring, message_bytes = self.rings.tensor, self.bytes_of(tokens)
        split = self.config.model.sequence_parallel
        return 2 * ring.part_seconds(message_bytes) if split else ring.sum_seconds(message_bytes)

    def bytes_of(self, tokens):
        """Of their hidden states in one micro batch."""
        return tokens / self.work.micro_batches * self.config.model.hidden_size * 2


def test_a_gpu_alone_sends_nothing():
    assert Sent(ESM2, devices=1).seconds == Communication(tensor_seconds=0, hand_over_seconds=0, update_seconds=0)


@pytest.mark.parametrize("sequence", [False, True], ids=["tensor", "sequence"])
def test_an_encoder_sends_what_a_walk_through_its_layers_counts(sequence):
    sent = Sent(ESM2, TENSOR, f"model.sequence_parallel={sequence}")
    layers, ends = 33 * sent.walked(has_memory=False), 2 * sent.sum_of(sent.work.encoder_tokens)
    assert sent.seconds.tensor_seconds == pytest.approx(layers + ends)


@pytest.mark.parametrize("sequence", [False, True], ids=["tensor", "sequence"])
def test_an_encoder_decoder_sends_what_a_walk_through_both_stacks_counts(sequence):
    sent = Sent(PROTT5NV, "model.micro_batch_size=64", TENSOR, f"model.sequence_parallel={sequence}")
    layers = 12 * (sent.walked(has_memory=False) + sent.walked(has_memory=True))
    ends = 2 * sent.sum_of(sent.work.encoder_tokens) + sent.sum_of(sent.work.decoder_tokens)
    assert sent.seconds.tensor_seconds == pytest.approx(layers + ends)


def test_recomputed_layers_sum_their_forward_pass_again():
    plain, repeated = Sent(ESM2, TENSOR), Sent(ESM2, TENSOR, "model.activations_checkpoint_granularity=full")
    again = 33 * 2 * plain.rings.tensor.sum_seconds(plain.work.tokens * 1280 * 2)
    assert repeated.seconds.tensor_seconds - plain.seconds.tensor_seconds == pytest.approx(again)


def test_replicas_sum_gradients_in_32_bit_and_share_weights_in_16():
    sent = Sent(ESM2)
    parameters, ring = num_parameters(sent.config.model), sent.rings.data
    update = ring.part_seconds(4 * parameters) + ring.part_seconds(2 * parameters)
    assert sent.seconds == Communication(tensor_seconds=0, hand_over_seconds=0, update_seconds=update)


def test_more_nodes_share_updates_over_the_network():
    assert Sent(ESM2, devices=1, nodes=8).seconds.update_seconds > 5 * Sent(ESM2).seconds.update_seconds


def test_sequence_parallel_norms_and_biases_are_summed_one_by_one():
    sent = Sent(ESM2, TENSOR, SEQUENCE, devices=4)
    assert sent.seconds.update_seconds == pytest.approx((2 + 33 * 6) * sent.rings.tensor.sum_seconds(1280 * 4))


def test_those_of_a_decoder_are_more():
    sent = Sent(PROTT5NV, "model.tensor_model_parallel_size=4", SEQUENCE, devices=4)
    vectors = 2 + 12 * 6 + 2 + 12 * 9
    assert sent.seconds.update_seconds == pytest.approx(vectors * sent.rings.tensor.sum_seconds(768 * 4))


def test_the_end_stages_of_a_pipeline_sum_the_token_table():
    sent = Sent(ESM2, PIPELINE, devices=3)
    table = padded_vocabulary_size(sent.config.model) * 1280 * 4
    assert sent.seconds.update_seconds == sent.rings.ends.sum_seconds(table)


@pytest.mark.parametrize(
    ("overrides", "devices", "share"),
    [
        pytest.param([PIPELINE], 3, 1, id="whole hidden states"),
        pytest.param([PIPELINE, TENSOR], 12, 1, id="each tensor-parallel rank sends them whole"),
        pytest.param([PIPELINE, TENSOR, SEQUENCE], 12, 4, id="sequence-parallel ranks send their parts"),
    ],
)
def test_stages_hand_over_hidden_states(overrides, devices, share):
    sent = Sent(ESM2, *overrides, devices=devices)
    hidden_bytes = sent.work.tokens / sent.work.micro_batches * 1280 * 2
    moved = hidden_bytes / share / LINKS.inside.bytes_per_second
    assert sent.seconds.hand_over_seconds == pytest.approx(moved, abs=25e-6)
