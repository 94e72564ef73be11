"""Says whether a run has learned more than how often each token occurs: `learned.py FOLDER_OF_RUN`.

Compares the held-out loss with the entropy of the token frequencies of the held-out data, which is the loss of the best guess that
looks at no input. Ends with 1 when the loss is not below it by the margin of its family.
"""

import sys
from pathlib import Path

import numpy as np
import yaml

from bionemo_trainer.config.load import load_tree
from bionemo_trainer.config.schema.root import Family, TrainConfig
from bionemo_trainer.data.samples import IGNORED
from bionemo_trainer.data.step_batches import Share, step_batches
from bionemo_trainer.run_folder import RunFolder, read_records

MARGINS: dict[Family, float] = {"megamolbart": 0.1, "prott5nv": 0.1, "esm1nv": 0.02, "esm2nv": 0.02}
"""Nats per token. A hidden residue depends little on its neighbours: what minutes teach of it is small, though certain."""


def main(folder: Path) -> int:
    """Compare, say so, and return the exit code."""
    run = RunFolder(path=folder)
    config = load_tree(yaml.safe_load(run.config.read_text("utf-8"))).config
    losses = [float(str(record["val_loss"])) for record in read_records(run.metrics) if "val_loss" in record]
    entropy = entropy_of_targets(config)
    margin = MARGINS[config.family]
    has_learned = losses[-1] < entropy - margin
    verdict = "it has learned more than frequencies" if has_learned else f"not below it by {margin}"
    sys.stdout.write(
        f"held-out loss {losses[-1]:.3f}, entropy of the token frequencies {entropy:.3f} nats per token: {verdict}\n"
    )
    return 0 if has_learned else 1


def entropy_of_targets(config: TrainConfig) -> float:
    """Entropy in nats of the tokens that validation asks for."""
    batches = step_batches(config, "val", Share(rank=0, num_ranks=1), 32)
    labels = np.concatenate([batch.labels for step in range(batches.num_steps_per_epoch) for batch in batches[step]])
    counts = np.bincount(labels[labels != IGNORED])
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
