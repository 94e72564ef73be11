"""The arithmetic that a model needs: the one formula that utilization is measured by and that speed is estimated by. Pure.

Counted as everywhere in the field: six operations per weight and token, forward and backward together, and the products
of attention. Token tables are looked up and not counted, recomputation is not useful work and not counted either.
"""

from bionemo_trainer.config.parameters import head_width
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig


def flops_per_token(config: TrainConfig, mean_length: float) -> float:
    """Operations of the forward and backward passes.

    Args:
        config: The run.
        mean_length: Tokens of a sequence, on average; an encoder's and a decoder's count as two.
    """
    model = config.model
    width = head_width(model) * model.num_attention_heads
    attention, feed_forward = 4 * model.hidden_size * width, 2 * model.hidden_size * model.ffn_hidden_size
    if isinstance(model, MegaMolBARTModel | ProtT5nvModel):
        # A token passes one of both stacks, and a decoder's layer has two attentions.
        attentions, sides, head = 3, 2, 0
    else:
        attentions, sides, head = 1, 1, model.hidden_size * model.hidden_size
    weights = model.num_layers * (attentions * attention + sides * feed_forward) + head
    products = model.num_layers * attentions * width * mean_length
    return (6.0 * weights + 12.0 * products) / sides


def num_sides(config: TrainConfig) -> int:
    """Sequences of a sample: an encoder's, and a decoder's where there is one."""
    return 2 if isinstance(config.model, MegaMolBARTModel | ProtT5nvModel) else 1
