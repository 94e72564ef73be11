"""Says whether a run has learned more than how often each token occurs: `learned.py FOLDER_OF_RUN`.

Compares the held-out loss with the entropy of the token frequencies of the held-out data, which is the loss of the best guess that
looks at no input. Ends with 1 when the loss is not below it by the margin of its family. Of proteins it also says the same for the
residues alone: ProtT5nv's sentinels follow each other in order, so they are learned first, and its residues take hours, not minutes.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
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
    loss, counts = of_tokens(run, config)
    entropy, margin = entropy_of(counts), MARGINS[config.family]
    has_learned = loss < entropy - margin
    verdict = "it has learned more than frequencies" if has_learned else f"not below it by {margin}"
    sys.stdout.write(
        f"held-out loss {loss:.3f}, entropy of the token frequencies {entropy:.3f} nats per token: {verdict}\n"
    )
    if run.residues.is_file():
        loss, counts = of_residues(run)
        sys.stdout.write(f"of residues alone: {loss:.3f}, entropy of their frequencies {entropy_of(counts):.3f}\n")
    return 0 if has_learned else 1


def of_tokens(run: RunFolder, config: TrainConfig) -> tuple[float, npt.NDArray[np.int64]]:
    """The newest held-out loss, and how often validation asks for each token."""
    losses = [float(str(record["val_loss"])) for record in read_records(run.metrics) if "val_loss" in record]
    batches = step_batches(config, "val", Share(rank=0, num_ranks=1), 32)
    labels = np.concatenate([batch.labels for step in range(batches.num_steps_per_epoch) for batch in batches[step]])
    return losses[-1], np.bincount(labels[labels != IGNORED])


def of_residues(run: RunFolder) -> tuple[float, npt.NDArray[np.int64]]:
    """The newest held-out loss at residues alone, and how often each was asked for."""
    records = list(read_records(run.residues))
    counts = np.array([int(str(record["total"])) for record in records])
    losses = np.array([float(str(record["loss"])) for record in records])
    return float(np.average(losses, weights=counts)), counts


def entropy_of(counts: npt.NDArray[np.int64]) -> float:
    """Entropy in nats of symbols that occur so often."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
