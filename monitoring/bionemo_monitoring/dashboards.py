"""Every dashboard by the name of its file."""

from collections.abc import Callable, Mapping

from grafana_foundation_sdk.builders.dashboard import Dashboard

from bionemo_monitoring.fleet import fleet
from bionemo_monitoring.operator_health import operator_health
from bionemo_monitoring.preprocessing import preprocessing
from bionemo_monitoring.training import training

DASHBOARDS: Mapping[str, Callable[[], Dashboard]] = {
    "fleet": fleet,
    "training": training,
    "preprocessing": preprocessing,
    "operator": operator_health,
}
