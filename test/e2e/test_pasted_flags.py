"""Command lines of Hugging Face's scripts, pasted: flags are taken, taken for nothing, or refused
with a line that says what to do. And configuration files with lists."""

import json
import unittest

from toolchain import Suite, call, data_of, last_line, model_of, must, tree

DATA = data_of("bert", "text-classification")
# As in run_glue.py's, run_ner.py's and run_summarization.py's examples and in many a notebook.
HARMLESS = ["--do_train", "--do_eval", "--do_predict", "--overwrite_cache", "--pad_to_max_length",
            "False", "--preprocessing_num_workers", "4", "--dataloader_num_workers", "2",
            "--report_to", "none", "--logging_dir", "logs", "--run_name", "mine", "--cache_dir",
            "/tmp/x", "--log_level", "info", "--disable_tqdm", "true", "--fp16", "False",
            "--bf16=false", "--gradient_checkpointing", "false", "--push_to_hub", "false",
            "--save_safetensors", "--use_fast_tokenizer", "--remove_unused_columns", "false",
            "--group_by_length", "--seed", "42", "--use_cpu", "--predict_with_generate",
            "--return_entity_level_metrics", "--trust_remote_code", "--ignore_pad_token_for_loss",
            "--dataloader-pin-memory", "false", "--local_rank", "-1"]
REFUSED = [
    (["--fp16"], r"--fp16: what products are computed in.*ftc compile --precision bf16"),
    (["--bf16", "true"], r"--bf16: what products are computed in is decided when compiling"),
    (["--gradient_checkpointing"], r"--gradient_checkpointing: .*ftc compile --memory_budget"),
    (["--task_name", "mrpc"], r"--task_name: data sets are files: give --train_file"),
    (["--dataset_name", "imdb"], r"--dataset_name: data sets are files"),
    (["--max_seq_length", "128"], r"--max_seq_length: it is an option of ftc compile"),
    (["--optim", "adamw_torch"], r"--optim: it is an option of ftc compile"),
    (["--adafactor"], r"--adafactor: .*ftc compile --optim adafactor"),
    (["--deepspeed", "ds.json"], r"--deepspeed: a run is one process"),
    (["--push_to_hub"], r"--push_to_hub: nothing is sent anywhere"),
    (["--torch_compile"], r"--torch_compile: the step is compiled already"),
    (["--data_seed", "1"], r"--data_seed: --seed is the seed of all"),
    (["--dataloader_drop_last"], r"--dataloader_drop_last: it is not supported"),
    (["--fp16=maybe"], r"--fp16: expected true or false, got 'maybe'"),
]
OF_RUN = ["--learning_rate", "--output_dir", "--num_train_epochs", "--validation_file",
          "--per_device_train_batch_size", "--seed", "--do_train"]
# The fields of transformers 4.57's Seq2SeqTrainingArguments (but for private ones) and the arguments
# of run_glue.py, run_classification.py, run_ner.py, run_qa.py, run_summarization.py,
# run_translation.py and run_clm.py.
KNOWN = """
output_dir overwrite_output_dir do_train do_eval do_predict eval_strategy prediction_loss_only
per_device_train_batch_size per_device_eval_batch_size per_gpu_train_batch_size
per_gpu_eval_batch_size gradient_accumulation_steps eval_accumulation_steps eval_delay
torch_empty_cache_steps learning_rate weight_decay adam_beta1 adam_beta2 adam_epsilon
max_grad_norm num_train_epochs max_steps lr_scheduler_type lr_scheduler_kwargs warmup_ratio
warmup_steps log_level log_level_replica log_on_each_node logging_dir logging_strategy
logging_first_step logging_steps logging_nan_inf_filter save_strategy save_steps
save_total_limit save_safetensors save_on_each_node save_only_model
restore_callback_states_from_checkpoint no_cuda use_cpu use_mps_device seed data_seed
jit_mode_eval bf16 fp16 fp16_opt_level half_precision_backend bf16_full_eval fp16_full_eval tf32
local_rank ddp_backend tpu_num_cores debug dataloader_drop_last eval_steps
dataloader_num_workers dataloader_prefetch_factor past_index run_name disable_tqdm
remove_unused_columns label_names load_best_model_at_end metric_for_best_model greater_is_better
ignore_data_skip fsdp fsdp_min_num_params fsdp_config fsdp_transformer_layer_cls_to_wrap
accelerator_config parallelism_config deepspeed label_smoothing_factor optim optim_args
adafactor group_by_length length_column_name report_to project ddp_find_unused_parameters
ddp_bucket_cap_mb ddp_broadcast_buffers dataloader_pin_memory dataloader_persistent_workers
skip_memory_metrics use_legacy_prediction_loop push_to_hub resume_from_checkpoint hub_model_id
hub_strategy hub_token hub_private_repo hub_always_push hub_revision gradient_checkpointing
gradient_checkpointing_kwargs include_inputs_for_metrics include_for_metrics
eval_do_concat_batches fp16_backend push_to_hub_model_id push_to_hub_organization
push_to_hub_token mp_parameters auto_find_batch_size full_determinism torchdynamo ray_scope
ddp_timeout torch_compile torch_compile_backend torch_compile_mode include_tokens_per_second
include_num_input_tokens_seen neftune_noise_alpha optim_target_modules batch_eval_metrics
eval_on_start use_liger_kernel liger_kernel_config eval_use_gather_object
average_tokens_across_devices sortish_sampler predict_with_generate generation_max_length
generation_num_beams generation_config model_name_or_path config_name tokenizer_name cache_dir
use_fast_tokenizer model_revision token use_auth_token trust_remote_code ignore_mismatched_sizes
task_name dataset_name dataset_config_name max_seq_length overwrite_cache pad_to_max_length
max_train_samples max_eval_samples max_predict_samples train_file validation_file test_file
text_column_name label_column_name preprocessing_num_workers label_all_tokens
return_entity_level_metrics doc_stride n_best_size max_answer_length version_2_with_negative
null_score_diff_threshold max_source_length max_target_length val_max_target_length num_beams
ignore_pad_token_for_loss source_prefix forced_bos_token source_lang target_lang text_column
summary_column lang resize_position_embeddings do_regression dataset_split metric_name
text_column_names text_column_delimiter remove_columns remove_splits train_split_name
validation_split_name test_split_name shuffle_train_dataset shuffle_seed
validation_split_percentage block_size keep_linebreaks streaming low_cpu_mem_usage torch_dtype
config_overrides model_type evaluation_strategy attn_implementation
""".split()


class PastedFlagsTest(Suite):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.artifact = cls.compile()

    def run_(self, name, *flags):
        output = self.scratch / name
        must("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir", output,
             "--max_steps", 2, "--save_strategy", "no", *flags)
        return output

    def testHarmlessFlagsChangeNothing(self):
        plain = self.run_("plain")
        pasted = self.run_("pasted", *HARMLESS)
        self.assertEqual((plain / "model.safetensors").read_bytes(),
                         (pasted / "model.safetensors").read_bytes())

    def testRefusedFlagsSayWhatToDo(self):
        output = self.scratch / "never"
        for flags, pattern in REFUSED:
            with self.subTest(flags=flags):
                done = call("ftrt", "run", self.artifact, "--train_file", DATA, "--output_dir",
                            output, *flags)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(last_line(done.stderr), pattern)
                self.assertIsNone(tree(output))

    def testEveryFlagOfTheScriptsIsKnown(self):
        """Supported, taken for nothing, or refused with a reason: never an unknown flag."""
        for flag in KNOWN:
            with self.subTest(flag=flag):
                done = call("ftrt", "run", self.scratch / "no.ftb", "--train_file", DATA,
                            "--output_dir", self.scratch / "never", "--%s=true" % flag)
                line = last_line(done.stderr)
                self.assertNotIn("unknown flag", line)
                self.assertRegex(line, r"^ftrt: .*(--\w+|no\.ftb)")

    def testOtherNames(self):
        """evaluation_strategy is what transformers called eval_strategy until 4.41."""
        output = self.run_("named", "--validation_file", DATA, "--evaluation_strategy", "steps",
                           "--eval_steps", 1, "--per_gpu_train_batch_size", 4)
        state = json.loads((output / "trainer_state.json").read_text())
        self.assertEqual(len([one for one in state["log_history"] if "eval_loss" in one]), 2)
        self.assertEqual(state["train_batch_size"], 4)

    def testMaxPredictSamples(self):
        output = self.run_("limited", "--test_file", DATA, "--max_predict_samples", 7)
        results = json.loads((output / "predict_results.json").read_text())
        self.assertEqual(results["predict_samples"], 7)

    def testFlagsOfTheOtherCommand(self):
        for flag in OF_RUN:
            done = call("ftc", "compile", model_of("bert", "text-classification"), "--task",
                        "text-classification", "-o", self.scratch / "never.ftb", flag, "1")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(last_line(done.stderr), flag + ": it is a flag of ftrt run")

    def testListsInConfigurationFiles(self):
        """Two files are parallel text, as on the command line."""
        sides = []
        rows = [json.loads(line)["translation"] for line in
                data_of("marian", "translation").read_text().splitlines()]
        languages = sorted(rows[0])
        for language in languages:
            sides.append(self.scratch / ("side." + language))
            sides[-1].write_text("".join(row[language] + "\n" for row in rows))
        model = model_of("marian", "translation")
        config = self.scratch / "compile.yaml"
        config.write_text("task: translation\ntrain_file:\n- %s\n- %s\nmax_source_length: 24\n"
                          "max_target_length: 24\ncpu: [native]\n" % tuple(sides))
        must("ftc", "compile", model, "--config", config, "-o", self.scratch / "listed.ftb")
        must("ftc", "compile", model, "--task", "translation", "--max_source_length", 24,
             "--max_target_length", 24, "-o", self.scratch / "given.ftb", "--train_file", *sides)
        self.assertEqual((self.scratch / "listed.ftb").read_bytes(),
                         (self.scratch / "given.ftb").read_bytes())
        for text, pattern in (("train_file: [a, b, c]", r"--train_file: expected a path or two, "
                               r"got a list of 3"),
                              ("max_steps: [1, 2]", r"--max_steps: expected an integer .*, got "
                               r"a list of 2"),
                              ("learning_rate: []", r"--learning_rate: expected .* list of 0")):
            config.write_text(text + "\n")
            done = call("ftrt", "run", self.artifact, "--output_dir", self.scratch / "never",
                        "--config", config)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(last_line(done.stderr), "--config '.*': " + pattern)


if __name__ == "__main__":
    unittest.main()
