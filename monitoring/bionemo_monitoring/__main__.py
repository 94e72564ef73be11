"""`python -m bionemo_monitoring FOLDER`: writes every dashboard as JSON."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from bionemo_monitoring.dashboards import DASHBOARDS


def main(folder: Path) -> None:
    """Writes the dashboards.

    Args:
        folder: Is made if need be; files of dashboards that are no more go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.json"):
        file.unlink()
    for name, dashboard in DASHBOARDS.items():
        text = json.dumps(dashboard().build(), cls=JSONEncoder, indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
