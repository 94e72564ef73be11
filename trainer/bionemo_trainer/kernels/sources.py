"""Queries, keys and values out of the tensors that hold them. Called by the kernels and by `models.attention`; needs no Triton."""

from collections.abc import Sequence

from torch import Tensor


def parts_of(sources: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Queries [Q, N, D], keys [K, N, D] and values [K, N, D], as views.

    Args:
        sources: One tensor [Q, N, 3, D], two [Q, N, 1, D] and [K, N, 2, D], or three with one part each.
    """
    query_QND, key_KND, value_KND = (part for source in sources for part in source.unbind(2))
    return query_QND, key_KND, value_KND
