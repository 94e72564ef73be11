"""The weights of a rank as a few flat buffers: gradients are summed over replicas, and updates shared out, in whole buffers.

Made by `optimizer` around a network; afterwards its parameters are views of the buffers. Each replica updates one part of
every buffer and sends it to the others (ZeRO stage 1: Rajbhandari et al. 2020, https://arxiv.org/abs/1910.02054).
Shapes: N elements of a buffer, n of the part that this rank updates.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched

import torch
from megatron.core import parallel_state
from torch import Tensor, distributed, nn
from torch.distributed import ProcessGroup

from bionemo_trainer.models.build import Network
from bionemo_trainer.models.kernel_support import can_launch_on

MATRICES_TOGETHER = 8
"""Whose gradients are added in one launch, which takes no more (`kernels.adding`)."""
_ALIGNMENT = 64
"""Elements by which each part is a multiple, so that kernels read aligned memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Buffer:
    """Parameters of one kind, one after the other."""

    decays: bool
    """Whether weight decay applies to them: to matrices, not to biases and norms."""
    is_counted: bool
    """Whether the gradient norm takes them from this rank; another holds the same ones otherwise."""
    names: Mapping[str, tuple[int, torch.Size]]
    """Where each parameter starts, and its shape."""
    weights_N: Tensor
    """What the network computes with."""
    gradients_N: Tensor
    """Summed over micro batches, 32 bit."""
    master_n: nn.Parameter
    """The part that this rank updates, 32 bit; of 32-bit weights the very memory."""
    part: slice
    """Which part of the buffer that is."""

    @property
    def has_masters(self) -> bool:
        """Whether the masters have memory of their own."""
        return self.master_n.dtype != self.weights_N.dtype

    def views(self, flat_N: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The parameters' parts of a flat tensor, by name and in their shapes."""
        for name, (start, shape) in self.names.items():
            yield name, flat_N[start : start + shape.numel()].view(shape)


class FlatParameters:
    """All parameters of a network in buffers."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.replicas: ProcessGroup = parallel_state.get_data_parallel_group()
        self._adders: list[_Adder] = []
        kinds: dict[tuple[bool, bool], dict[str, nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            kind = (parameter.ndim > 1, _is_counted(network, name, parameter))
            kinds.setdefault(kind, {})[name] = parameter
        self.buffers = tuple(self._buffer(kind, parameters) for kind, parameters in kinds.items())

    def zero_gradients(self) -> None:
        """Forgets what was summed."""
        for buffer in self.buffers:
            buffer.gradients_N.zero_()

    def reduce_gradients(self) -> None:
        """Sums gradients over all ranks that contribute to them; afterwards those of the own parts are complete."""
        assert all(adder.is_idle for adder in self._adders), "each backward pass gives every parameter a gradient"
        views = {name: view for buffer in self.buffers for name, view in buffer.views(buffer.gradients_N)}
        for name, parameter in self.network.named_parameters():
            if getattr(parameter, "sequence_parallel", False):
                distributed.all_reduce(views[name], group=parallel_state.get_tensor_model_parallel_group())
        self._reduce_tied_table(views)
        if self.replicas.size() == 1:
            return
        for buffer in self.buffers:
            if distributed.get_backend(self.replicas) == "nccl":
                own_n = buffer.gradients_N[buffer.part]
                distributed.reduce_scatter_tensor(own_n, buffer.gradients_N, group=self.replicas)
            else:  # Gloo scatters no sums
                distributed.all_reduce(buffer.gradients_N, group=self.replicas)

    def squared_norm(self) -> Tensor:
        """This rank's contribution to the squared norm of all gradients, a scalar of 64 bit."""
        norms = [
            torch.linalg.vector_norm(buffer.gradients_N[buffer.part]).double().square()
            for buffer in self.buffers
            if buffer.is_counted
        ]
        return torch.stack(norms).sum() if norms else self.buffers[0].gradients_N.new_zeros((), dtype=torch.float64)

    @torch.no_grad()
    def round_updates(self) -> None:
        """Writes the weights that this rank has updated in the precision that the network computes with."""
        for buffer in self.buffers:
            if buffer.has_masters:
                buffer.weights_N[buffer.part].copy_(buffer.master_n)

    @torch.no_grad()
    def share_updates(self) -> None:
        """Gives every replica the parts that the others updated."""
        if self.replicas.size() > 1:
            for buffer in self.buffers:
                own_n = buffer.weights_N[buffer.part]
                distributed.all_gather_into_tensor(buffer.weights_N, own_n.clone(), group=self.replicas)

    def whole(self, own_n: Tensor) -> Tensor:
        """One buffer made of the parts of all replicas, which must ask together [N]."""
        if self.replicas.size() == 1:
            return own_n.detach()
        flat_N = own_n.new_empty(own_n.numel() * self.replicas.size())
        distributed.all_gather_into_tensor(flat_N, own_n.detach().contiguous(), group=self.replicas)
        return flat_N

    def _reduce_tied_table(self, views: Mapping[str, Tensor]) -> None:
        """Sums the gradients of the token table's two copies where the first and the last stage hold one each."""
        if parallel_state.get_pipeline_model_parallel_world_size() == 1:
            return
        if parallel_state.is_rank_in_embedding_group():
            distributed.all_reduce(views[TABLE], group=parallel_state.get_embedding_group())

    def _buffer(self, kind: tuple[bool, bool], parameters: Mapping[str, nn.Parameter]) -> Buffer:
        num_parts = self.replicas.size()
        num_elements = sum(parameter.numel() for parameter in parameters.values())
        part_elements = _rounded_up(num_elements, num_parts * _ALIGNMENT) // num_parts
        start = part_elements * self.replicas.rank()
        part = slice(start, start + part_elements)
        first = next(iter(parameters.values()))
        weights_N = torch.zeros(part_elements * num_parts, dtype=first.dtype, device=first.device)
        names = dict(_places(parameters))
        buffer = Buffer(
            decays=kind[0],
            is_counted=kind[1],
            names=names,
            weights_N=weights_N,
            gradients_N=torch.zeros_like(weights_N, dtype=torch.float32),
            master_n=nn.Parameter(weights_N[part].float()),  # the same memory when nothing has to be converted
            part=part,
        )
        self._adders += _move_into(buffer, parameters)
        return buffer


TABLE = "embedding.tokens.weight"
"""The token table, which the first and the last pipeline stage both hold."""


def _is_counted(network: Network, name: str, parameter: nn.Parameter) -> bool:
    is_second_copy = name == TABLE and not network.pre_process
    is_split = bool(getattr(parameter, "tensor_model_parallel", False))
    return not is_second_copy and (is_split or parallel_state.get_tensor_model_parallel_rank() == 0)


def _places(parameters: Mapping[str, nn.Parameter]) -> Iterable[tuple[str, tuple[int, torch.Size]]]:
    start = 0
    for name, parameter in parameters.items():
        yield name, (start, parameter.shape)
        start += parameter.numel()


@torch.no_grad()
def _move_into(buffer: Buffer, parameters: Mapping[str, nn.Parameter]) -> list["_Adder"]:
    """Makes the parameters views of the buffer, with their gradients summed into it: by autograd itself in 32 bit, else by what returns."""
    for name, weight in buffer.views(buffer.weights_N):
        weight.copy_(parameters[name])
        parameters[name].data = weight
    buffer.master_n.copy_(buffer.weights_N[buffer.part])
    if buffer.weights_N.dtype == torch.float32:
        for name, gradient in buffer.views(buffer.gradients_N):
            parameters[name].grad = gradient
        return []
    together = MATRICES_TOGETHER if buffer.decays else len(parameters)
    return [
        _Adder([parameters[name] for name in names], buffer.gradients_N[buffer.names[names[0]][0] :])
        for names in batched(buffer.names, together)
    ]


class _Adder:
    """Adds 16-bit gradients to their 32-bit sums as soon as all of its parameters have theirs.

    Some matrices share one, about those of a layer, so that their gradients' memory is soon free. All vectors share one: they are most of
    the parameters, and a launch for each would take longer than what it adds.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], sums_N: Tensor) -> None:
        """`sums_N` begins with the parameters' sums, one after the other."""
        self._parameters, self._sums_N = parameters, sums_N
        for parameter in parameters:
            parameter.register_post_accumulate_grad_hook(self)  # type: ignore[no-untyped-call]

    @property
    def is_idle(self) -> bool:
        """Whether it has added all gradients that it was called for."""
        return all(parameter.grad is None for parameter in self._parameters)

    def __call__(self, _parameter: nn.Parameter) -> None:
        """Called when a parameter has its gradient, which a backward pass gives to each once; to the first of them last."""
        found = []
        for parameter in self._parameters:
            if parameter.grad is None:
                return
            found.append(parameter.grad.view(-1))
        if len(found) <= MATRICES_TOGETHER and can_launch_on(self._sums_N):
            from bionemo_trainer.kernels.adding import add_to_sums  # noqa: PLC0415 - Triton comes with CUDA

            add_to_sums(self._sums_N, found)
        else:
            flat_n = torch.cat(found)
            self._sums_N[: len(flat_n)].add_(flat_n)
        for parameter in self._parameters:
            parameter.grad = None


def _rounded_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
