"""Keys of BioNeMo's own files (v0.3 to v1.10) that mean nothing here, one thing only, or now have another name.

A table and nothing else; `legacy` applies it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_MEGATRON_KERNELS = "our layers choose their kernels themselves"
_BUILT_IN = "the tokenizers are built in"
_CHECKPOINT_FORMAT = "checkpoints are written by all ranks in one format"
_OWN_LOOP = "the run has its own loop and loggers"
_ORDER = "the order of samples needs no index file"
_NO_CORPUS = "every row is one sample"


@dataclass(frozen=True, slots=True)
class Inert:
    """A key that is accepted, has no effect, and is named once in a warning."""

    reason: str


@dataclass(frozen=True, slots=True)
class Only:
    """A key with one supported meaning: these values are accepted in silence, others are refused."""

    values: tuple[object, ...]
    mend: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A key whose value belongs under another key."""

    to: str


type Rule = Inert | Only | Renamed

_SPLITS = ("train", "val", "test")

LEGACY: Mapping[str, Rule] = {
    "cluster_type": Inert("the launcher finds out where it runs"),
    "do_preprocessing": Inert("set do_training=False to prepare data"),
    "hydra": Inert("Hydra's own section is not needed"),
    "infer_target": Inert("it belongs to inference"),
    "trainer.accumulate_grad_batches": Only((1, None), "set model.global_batch_size, from which accumulation follows"),
    "trainer.benchmark": Inert(_MEGATRON_KERNELS),
    "trainer.enable_checkpointing": Inert("exp_manager writes checkpoints"),
    "trainer.limit_train_batches": Only((1, 1.0, None), "set trainer.max_steps"),
    "trainer.logger": Inert("exp_manager makes the loggers"),
    "trainer.max_epochs": Only((None, -1, 1), "set trainer.max_steps"),
    "trainer.replace_sampler_ddp": Inert(_OWN_LOOP),
    "trainer.use_distributed_sampler": Inert(_OWN_LOOP),
    "trainer.strategy": Inert(_OWN_LOOP),
    "exp_manager.checkpoint_callback_params.every_n_epochs": Only((None, 1), "set every_n_train_steps beside it"),
    "exp_manager.checkpoint_callback_params.filepath": Renamed("exp_manager.checkpoint_callback_params.dirpath"),
    "exp_manager.checkpoint_callback_params.model_parallel_size": Inert(_CHECKPOINT_FORMAT),
    "exp_manager.checkpoint_callback_params.save_weights_only": Only((False, None), "leave it out; resuming needs all"),
    "exp_manager.step_timing_kwargs": Inert("steps are timed without it"),
    "exp_manager.summary_writer_kwargs": Inert("TensorBoard's files lie in the run's folder"),
    "model.activation_checkpoint_layers_per_pipeline": Inert("recomputation is the same on every stage"),
    "model.apex_transformer_log_level": Inert(_MEGATRON_KERNELS),
    "model.apply_query_key_layer_scaling": Inert("attention is computed in 32 bit, where this scaling cancels"),
    "model.bert_binary_head": Only((False, None), "leave it out; proteins have no next sentence"),
    "model.bias_activation_fusion": Inert(_MEGATRON_KERNELS),
    "model.bias_dropout_add_fusion": Inert(_MEGATRON_KERNELS),
    "model.bias_gelu_fusion": Inert(_MEGATRON_KERNELS),
    "model.decoder_arch": Only(("transformer", None), "use transformer"),
    "model.drop_last": Inert("every step is a whole global batch"),
    "model.dwnstr_task_validation": Only((None, {}), "use model.validation, or leave it disabled"),
    "model.embedding_use_attention_mask": Inert("packed sequences have no padding to mask"),
    "model.encoder_arch": Only(("transformer", None), "use transformer"),
    "model.encoder_seq_length": Inert("model.seq_length says it"),
    "model.esm_gelu": Inert("GELU is always exact"),
    "model.fp16_lm_cross_entropy": Only((False, None), "leave it out; the loss is computed in 32 bit"),
    "model.freeze_layers": Only((None, [], -1), "leave it out; all layers are trained"),
    "model.grad_allreduce_chunk_size_mb": Inert("gradients are reduced in buckets"),
    "model.grad_div_ar_fusion": Inert("gradients are divided by the number of target tokens"),
    "model.gradient_as_bucket_view": Inert("gradients always live in their buckets"),
    "model.headscale": Only((False, None), "leave it out"),
    "model.hidden_steps": Inert("it belongs to the perceiver, which no recipe uses"),
    "model.masked_softmax_fusion": Inert(_MEGATRON_KERNELS),
    "model.mask_token_id": Inert(_BUILT_IN),
    "model.megatron_amp_O2": Inert("weights are always kept in 32 bit beside their 16-bit copies"),
    "model.megatron_legacy": Inert(_MEGATRON_KERNELS),
    "model.normalize_attention_scores": Inert(
        "attention scores are always divided by the square root of the head size"
    ),
    "model.num_self_attention_per_cross_attention": Only((1, None), "use 1"),
    "model.onnx_safe": Inert(_MEGATRON_KERNELS),
    "model.persist_layer_norm": Inert(_MEGATRON_KERNELS),
    "model.pipeline_model_parallel_split_rank": Inert("encoder-decoder models are not split into pipeline stages"),
    "model.post_process": Only((True, None), "leave it out; pre-training needs the output layer"),
    "model.pre_process": Only((True, None), "leave it out; pre-training needs the embeddings"),
    "model.relative_attention_max_distance": Inert("positions are learned or rotary"),
    "model.relative_attention_num_buckets": Inert("positions are learned or rotary"),
    "model.relative_position_bias_self_attention_only": Inert("positions are learned or rotary"),
    "model.share_token_embeddings": Renamed("model.share_word_embeddings"),
    "model.transformer_block_type": Only(("pre_ln", None), "use pre_ln"),
    "model.use_esm_attention": Inert(_MEGATRON_KERNELS),
    "model.use_pt_layernorm": Inert(_MEGATRON_KERNELS),
    "model.use_pt_mlp_out": Inert(_MEGATRON_KERNELS),
    "model.optim.sched.last_epoch": Inert("resuming knows its step"),
    "model.tokenizer.k": Inert("no k-mer tokenizer is used"),
    "model.tokenizer.mask_id": Inert(_BUILT_IN),
    "model.tokenizer.merge_file": Inert(_BUILT_IN),
    "model.tokenizer.model": Inert(_BUILT_IN),
    "model.tokenizer.model_name": Inert(_BUILT_IN),
    "model.tokenizer.model_path": Inert(_BUILT_IN),
    "model.tokenizer.type": Inert(_BUILT_IN),
    "model.tokenizer.vocab_file": Inert(_BUILT_IN),
    "model.tokenizer.vocab_path": Inert(_BUILT_IN),
    "model.data.canonicalize_decoder_output": Only((False, None), "use decoder_augment"),
    "model.data.canonicalize_encoder_input": Only((False, None), "use canonicalize_input"),
    "model.data.canonicalize_target_smile": Only((True, None), "leave it out; targets are compared canonically"),
    "model.data.decoder_independent_augment": Renamed("model.data.decoder_augment"),
    "model.data.augmentation_prob": Only((1, 1.0, None), "use encoder_augment, which is all or nothing"),
    "model.data.data_impl": Only(("mmap", "text_mmap", "csv_mmap", None), "use csv_mmap, and prepare the data as CSV"),
    "model.data.data_impl_kwargs.csv_fields_mmap": Inert("the sequence alone is read; set model.data.data_col"),
    "model.data.data_impl_kwargs.fasta_fields_mmap": Inert("the sequence alone is read; set model.data.data_col"),
    "model.data.data_impl_kwargs.csv_mmap.data_col": Renamed("model.data.data_col"),
    "model.data.data_impl_kwargs.csv_mmap.data_sep": Renamed("model.data.data_sep"),
    "model.data.data_impl_kwargs.csv_mmap.header_lines": Renamed("model.data.header_lines"),
    "model.data.data_impl_kwargs.csv_mmap.newline_int": Only((10, None), "use 10, the line feed"),
    "model.data.data_impl_kwargs.csv_mmap.sort_dataset_paths": Inert("files keep the order of their range"),
    "model.data.data_impl_kwargs.csv_mmap.workers": Inert("indexes are built by all cores"),
    "model.data.data_impl_kwargs.data_col": Renamed("model.data.data_col"),
    "model.data.data_impl_kwargs.data_sep": Renamed("model.data.data_sep"),
    "model.data.data_impl_kwargs.header_lines": Renamed("model.data.header_lines"),
    "model.data.data_impl_kwargs.newline_int": Only((10, None), "use 10, the line feed"),
    "model.data.data_impl_kwargs.sort_dataset_paths": Inert("files keep the order of their range"),
    "model.data.data_impl_kwargs.workers": Inert("indexes are built by all cores"),
    "model.data.data_prefix": Inert("model.data.dataset_path says it"),
    "model.data.dataloader_type": Only(("single", None), "use single"),
    "model.data.dataset_format": Inert("datasets are CSV files"),
    "model.data.dataset_type": Only(("t5", None), "leave it out"),
    "model.data.default_dataset_path": Inert("model.data.dataset_path says it"),
    "model.data.drop_last": Inert("every step is a whole global batch"),
    "model.data.dynamic_padding": Inert("sequences are packed, not padded"),
    "model.data.eod_mask_loss": Only((False, None), "leave it out"),
    "model.data.favor_longer_ngrams": Only((False, None), "leave it out"),
    "model.data.force_regen_sample_mapping": Inert(_ORDER),
    "model.data.micro_batch_size": Inert("model.micro_batch_size says it"),
    "model.data.newline_int": Only((10, None), "use 10, the line feed"),
    "model.data.ngc_registry_target": Inert("data is prepared from model.data.data_url or a BioNeMoPreprocess"),
    "model.data.ngc_registry_version": Inert("data is prepared from model.data.data_url or a BioNeMoPreprocess"),
    "model.data.permutation": Only((False, None), "leave it out"),
    "model.data.pin_memory": Inert("batches are pinned where it helps"),
    "model.data.preprocessing.num_preprocess_workers": Inert("preparation chooses its workers itself"),
    "model.data.reset_attention_mask": Only((False, None), "leave it out; sequences never attend to each other"),
    "model.data.reset_position_ids": Only((False, None), "leave it out; positions start anew in every sequence"),
    "model.data.short_seq_prob": Inert(_NO_CORPUS),
    "model.data.skip_lines": Only((0, None), "use header_lines"),
    "model.data.skip_warmup": Inert("memory maps need no warming"),
    "model.data.sort_dataset_paths": Inert("files keep the order of their range"),
    "model.data.use_upsampling": Only((True, None), "leave it out; epochs follow each other until max_steps"),
    "model.data.whole_word_masking": Only((False, None), "leave it out; proteins have no words"),
    **{f"model.data.{split}.range": Renamed(f"model.data.dataset.{split}") for split in _SPLITS},
    **{f"model.data.{split}": Inert("all splits are read from model.data.dataset_path") for split in _SPLITS},
}
"""One rule per key. A rule for a mapping holds for all below it that has no rule of its own."""

FAMILY_LEGACY: Mapping[str, Mapping[str, Rule]] = {
    "prott5nv": {
        "model.data.seq_length": Inert("model.seq_length says it"),
        "model.data.max_seq_length": Inert("model.seq_length says it"),
    },
    "esm1nv": {"model.data.masked_lm_prob": Inert("modify_percent says it")},
    "esm2nv": {"model.data.masked_lm_prob": Inert("modify_percent says it")},
}
"""Keys that one family means and another carries along."""
