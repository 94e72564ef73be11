"""A stage of a preparation as an Indexed Job: one completion for each task, repeated by Kubernetes when its pod fails. Pure.

A pod that says that its data are wrong ends the whole job; one that Kubernetes itself removed does not count as a failure.
"""

import hashlib
import json
from pathlib import Path

from bionemo_operator.api.fields import ClaimName, ClaimReference
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.planning import names
from bionemo_operator.planning.ownership import owner_labels, owner_reference, queue_labels
from bionemo_operator.planning.pod_template import Fragment, Mounted, PodPlan, pod_template
from bionemo_operator.planning.preparation_plan import plan_document
from bionemo_trainer.contract import PREPARATION_MODULE, SHARED_STAGES, ExitCode, Stage

CONTAINER = "prepare"
MOST_COMPLETIONS = 100_000
"""Limit of Kubernetes for an Indexed Job with a backoff limit for each index."""
_FAILURE_RULES: tuple[Fragment, ...] = (
    {
        "action": "FailJob",
        "onExitCodes": {
            "containerName": CONTAINER,
            "operator": "In",
            "values": [int(code) for code in ExitCode if code.is_final],
        },
    },
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
)


def document_of(preprocess: BioNeMoPreprocess) -> str:
    """The plan as its pods read it."""
    source = preprocess.spec.source.claim

    def folder_of(claim: ClaimName | ClaimReference) -> Path:
        root = names.SOURCE if claim is source else names.DATA
        return Path(names.joined(root, claim.path if isinstance(claim, ClaimReference) else None))

    return json.dumps(plan_document(preprocess, folder_of), sort_keys=True)


def output_of(preprocess: BioNeMoPreprocess) -> str:
    """Digest of what a preparation makes, and where."""
    text = f"{preprocess.spec.output.claim.name} {document_of(preprocess)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def preparation_job(preprocess: BioNeMoPreprocess, stage: Stage, tasks: int, image: str) -> Fragment:
    """The manifest of a stage.

    Args:
        preprocess: Which it is a stage of.
        stage: Which stage.
        tasks: How many tasks it has.
        image: Of the trainer.
    """
    spec = preprocess.spec
    shares = min(tasks, MOST_COMPLETIONS)
    labels = {**owner_labels(preprocess), names.STAGE: stage, names.OUTPUT: output_of(preprocess)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.stage_name(preprocess.metadata.name, stage),
            "namespace": preprocess.metadata.namespace,
            "labels": {**labels, **queue_labels(spec.queue)},
            "ownerReferences": [owner_reference(preprocess)],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": shares,
            "parallelism": min(spec.workers, shares) if stage in SHARED_STAGES else 1,
            "backoffLimitPerIndex": spec.backoff_limit_per_index,
            "maxFailedIndexes": 0,
            "suspend": spec.queue is not None,
            "podFailurePolicy": {"rules": list(_FAILURE_RULES)},
            "template": _pod(preprocess, stage, shares, image, labels),
        },
    }


def _pod(preprocess: BioNeMoPreprocess, stage: Stage, shares: int, image: str, labels: dict[str, str]) -> Fragment:
    spec = preprocess.spec
    claims = [Mounted(claim=spec.output.claim.name, path=names.DATA)]
    if spec.source.claim:
        claims.append(Mounted(claim=spec.source.claim.name, path=names.SOURCE))
    plan_file = f"{names.CONFIG_FOLDER}/{names.PREPARATION_PLAN}"
    pod = pod_template(
        spec.template,
        PodPlan(
            container=CONTAINER,
            image=spec.image or image,
            command=(
                "python3", "-m", PREPARATION_MODULE, f"--plan={plan_file}", f"--stage={stage}", f"--shares={shares}",
            ),
            environment=({"name": "PYTHONUNBUFFERED", "value": "1"},),
            claims=tuple(claims),
            document=document_of(preprocess),
            document_file=names.PREPARATION_PLAN,
            labels=labels,
            annotations={},
        ),
    )  # fmt: skip
    pod["spec"]["restartPolicy"] = "Never"
    return pod
