"""The two custom resources as typed models, and the way from a document to one of them."""

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.training import BioNeMoTraining

__all__ = ["BioNeMoPreprocess", "BioNeMoTraining", "parse_resource"]
