"""The arithmetic that a training needs: the one formula that utilization is measured by and that speed is estimated by. Pure.

Counted as everywhere in the field: six operations per weight and token, forward and backward together, and the products
of attention. Token tables are looked up and not counted, recomputation is not useful work and not counted either. Of a masked
model's last layer and head what the loss does not depend on is not counted, since it is not computed.
"""

from bionemo_trainer.config.parameters import head_width
from bionemo_trainer.config.schema.model import Esm1nvModel, Esm2nvModel, MegaMolBARTModel, ProtT5nvModel
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
    # A token passes one of two stacks, of which the decoder's layers have two attentions.
    attentions, sides = (3, 2) if isinstance(model, MegaMolBARTModel | ProtT5nvModel) else (1, 1)
    weights: float = model.num_layers * (attentions * attention + sides * feed_forward)
    if isinstance(model, Esm1nvModel | Esm2nvModel):
        head, after_attention = model.hidden_size**2, model.hidden_size * width + feed_forward
        share = share_read(config)
        weights += share * head - (1 - share) * after_attention
    products = model.num_layers * attentions * width * mean_length
    return (6.0 * weights + 12.0 * products) / sides


def share_read(config: TrainConfig) -> float:
    """Of the last layer's tokens those that pass all of it: a masked model's targets, else all.

    What follows the attention of a layer treats tokens one by one, and the loss reads targets only. Under sequence parallelism
    the last layer does it for all tokens, and in a pipeline it is counted so: the other stages hold the pace.
    """
    model = config.model
    if not isinstance(model, Esm1nvModel | Esm2nvModel):
        return 1.0
    is_counted_whole = model.sequence_parallel or model.pipeline_model_parallel_size > 1
    return 1.0 if is_counted_whole else model.data.modify_percent


def num_sides(config: TrainConfig) -> int:
    """Sequences of a sample: an encoder's, and a decoder's where there is one."""
    return 2 if isinstance(config.model, MegaMolBARTModel | ProtT5nvModel) else 1
