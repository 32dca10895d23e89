// Flags of TrainingArguments and of Hugging Face's example scripts that a command line brings
// along when it is pasted: taken where they change nothing here, refused with what to do where
// they would.
#include "tools/ftrt/Commands.h"

namespace ftc::cli {

/// What has no meaning here: there is no cache, no padding, no loader process.
static void ignoreHarmless(FlagSet &flags) {
  flags.ignore({"do_train", "do_eval", "do_predict"}, "accepted, changes nothing");
  flags.ignoreHidden({"overwrite_cache",
                      "pad_to_max_length",
                      "use_fast_tokenizer",
                      "use_slow_tokenizer",
                      "ignore_pad_token_for_loss",
                      "disable_tqdm",
                      "group_by_length",
                      "save_safetensors",
                      "dataloader_pin_memory",
                      "dataloader_persistent_workers",
                      "remove_unused_columns",
                      "skip_memory_metrics",
                      "log_on_each_node",
                      "logging_nan_inf_filter",
                      "include_num_input_tokens_seen",
                      "full_determinism",
                      "use_cpu",
                      "no_cuda",
                      "trust_remote_code",
                      "use_auth_token",
                      "return_entity_level_metrics",
                      "ddp_find_unused_parameters",
                      "ddp_broadcast_buffers",
                      "save_on_each_node",
                      "restore_callback_states_from_checkpoint",
                      "jit_mode_eval",
                      "use_legacy_prediction_loop",
                      "include_inputs_for_metrics",
                      "eval_do_concat_batches",
                      "include_tokens_per_second",
                      "eval_use_gather_object",
                      "average_tokens_across_devices",
                      "ignore_mismatched_sizes",
                      "low_cpu_mem_usage",
                      "keep_linebreaks",
                      "sortish_sampler",
                      "hub_private_repo",
                      "hub_always_push",
                      "streaming"});
  flags.ignoreValue({"preprocessing_num_workers",
                     "dataloader_num_workers",
                     "dataloader_prefetch_factor",
                     "cache_dir",
                     "log_level",
                     "log_level_replica",
                     "local_rank",
                     "ddp_backend",
                     "ddp_timeout",
                     "eval_accumulation_steps",
                     "torch_empty_cache_steps",
                     "model_revision",
                     "token",
                     "metric_name",
                     "fp16_opt_level",
                     "half_precision_backend",
                     "fp16_backend",
                     "tpu_num_cores",
                     "debug",
                     "past_index",
                     "length_column_name",
                     "project",
                     "ddp_bucket_cap_mb",
                     "mp_parameters",
                     "ray_scope",
                     "hub_revision",
                     "gradient_checkpointing_kwargs",
                     "torch_compile_backend",
                     "torch_compile_mode",
                     "include_for_metrics",
                     "attn_implementation",
                     "remove_columns",
                     "liger_kernel_config"});
}

void declareHuggingFace(FlagSet &flags) {
  ignoreHarmless(flags);
  flags.synonym("evaluation_strategy", "eval_strategy");
  flags.synonym("per_gpu_train_batch_size", "per_device_train_batch_size");
  flags.synonym("per_gpu_eval_batch_size", "per_device_eval_batch_size");
  flags.synonym("generation_num_beams", "num_beams");
  flags.synonym("generation_max_length", "max_length");
  flags.synonym("val_max_target_length", "max_length");
  flags.synonym("text_column_names", "text_column_name");
  flags.refuseTrue({"fp16", "bf16", "tf32", "fp16_full_eval", "bf16_full_eval"},
                   "what products are computed in is decided when compiling: leave it out, and "
                   "give ftc compile --precision bf16");
  flags.refuseTrue({"gradient_checkpointing"},
                   "what is recomputed is decided when compiling: leave it out, and give ftc "
                   "compile --memory_budget SIZE");
  flags.refuseTrue({"torch_compile", "use_liger_kernel"},
                   "the step is compiled already; leave it out");
  flags.refuseTrue({"adafactor"}, "the update is compiled: ftc compile --optim adafactor");
  flags.refuseTrue({"push_to_hub"},
                   "nothing is sent anywhere; leave it out, and upload --output_dir yourself");
  flags.refuseTrue({"dataloader_drop_last", "auto_find_batch_size", "save_only_model",
                    "ignore_data_skip", "eval_on_start", "logging_first_step",
                    "batch_eval_metrics", "use_mps_device", "prediction_loss_only",
                    "resize_position_embeddings"},
                   "it is not supported; leave it out");
  flags.refuse({"task_name", "dataset_name", "dataset_config_name", "dataset_split",
                "train_split_name", "validation_split_name", "test_split_name",
                "remove_splits"},
               "data sets are files: give --train_file, --validation_file and --test_file");
  flags.refuse({"config_name", "tokenizer_name", "config_overrides", "model_type"},
               "configuration and tokenizer are the compiled model's; leave it out");
  flags.refuse({"shuffle_train_dataset", "shuffle_seed"},
               "the training data is shuffled unless --shuffle false, by --seed");
  flags.refuse({"block_size"},
               "an example is one row, cut to the length of ftc compile --max_seq_length");
  flags.refuse({"torch_dtype"}, "training computes in fp32 here; leave it out");
  flags.refuse({"data_seed"}, "--seed is the seed of all, the order of the data included");
  flags.refuse({"deepspeed", "fsdp", "fsdp_config", "fsdp_min_num_params",
                "fsdp_transformer_layer_cls_to_wrap", "accelerator_config",
                "parallelism_config"},
               "a run is one process; leave it out");
  flags.refuse({"hub_model_id", "hub_token", "hub_strategy", "push_to_hub_model_id",
                "push_to_hub_organization", "push_to_hub_token"},
               "nothing is sent anywhere; leave it out, and upload --output_dir yourself");
  flags.refuse({"optim_target_modules", "generation_config", "text_column_delimiter",
                "torchdynamo", "eval_delay", "logging_strategy", "lr_scheduler_kwargs",
                "neftune_noise_alpha", "forced_bos_token", "lang", "label_names"},
               "it is not supported; leave it out");
}

} // namespace ftc::cli
