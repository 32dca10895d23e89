#!/usr/bin/env python3
"""Record PyTorch training runs of ELECTRA, ModernBERT and DeBERTa-v2 that ftrt must follow.

As record_decoders.py: small random checkpoints of odd sizes kept in half precision, trained
tokenizers, pairs of sentences for classification, 50 AdamW steps, f64 throughout in the f64 runs.

    python test/oracle/record_encoders.py                      # rewrites their folders
    python test/oracle/record_encoders.py --family electra     # this family's
"""

import io
import json

import record_decoders
import record_runs
import sentencepiece
import small_models
import tokenizers
import transformers
from record_runs import CLASSES, TAGS
from tokenizers import decoders, models, pre_tokenizers, processors, trainers
from transformers.models.modernbert import modeling_modernbert

POSITIONS = record_decoders.POSITIONS
FAMILIES = ("electra", "modernbert", "deberta-v2")
# What DeBERTas differ in: as v2-xlarge, with projections of their own for positions; as v3; and
# as neither, with a row for every distance.
DEBERTAS = {
    "text-classification": {
        "relative_attention": True, "pos_att_type": "p2c|c2p", "position_buckets": 6,
        "max_relative_positions": 15, "norm_rel_ebd": "layer_norm", "position_biased_input": False,
        "type_vocab_size": 2, "embedding_size": 27, "conv_kernel_size": 3, "conv_act": "gelu"},
    "token-classification": {
        "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 7,
        "max_relative_positions": -1, "norm_rel_ebd": "layer_norm", "share_att_key": True,
        "position_biased_input": False, "type_vocab_size": 0},
    "question-answering": {
        "relative_attention": True, "pos_att_type": ["p2c"], "max_relative_positions": 11,
        "position_biased_input": True, "conv_kernel_size": 5},
}


def train_pieces(task, folder, texts):
    """DeBERTa's SentencePiece model: as it is, which is how it is published, or as transformers
    converts it."""
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=out, vocab_size=260, minloglevel=2,
        hard_vocab_limit=False, num_threads=1, normalization_rule_name="identity", pad_id=0,
        bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]",
        unk_piece="[UNK]")
    (folder / "spm.model").write_bytes(out.getvalue())
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"do_lower_case": False, "vocab_type": "spm", "model_max_length": POSITIONS,
         "tokenizer_class": "DebertaV2Tokenizer"}) + "\n")
    if task != "text-classification":
        transformers.DebertaV2TokenizerFast.from_pretrained(folder).save_pretrained(folder)
        (folder / "spm.model").unlink()


def train_tokenizer(family, task, folder, texts):
    if family == "deberta-v2":
        return train_pieces(task, folder, texts)
    if family == "electra":
        trained = tokenizers.BertWordPieceTokenizer(lowercase=True)
        trained.train_from_iterator(texts, vocab_size=211, min_frequency=2, show_progress=False)
        trained.save_model(str(folder))
        transformers.ElectraTokenizerFast.from_pretrained(
            folder, model_max_length=POSITIONS).save_pretrained(folder)
        return
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=299, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=POSITIONS, padding_side="right",
        unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]",
        mask_token="[MASK]", model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


def make_model(family, task, vocabulary, pad):
    labels = CLASSES if task == "text-classification" else TAGS
    names = dict(enumerate(labels))
    text = task == "text-classification"
    common = {"vocab_size": vocabulary, "pad_token_id": pad,
              "max_position_embeddings": POSITIONS, "hidden_size": 44, "intermediate_size": 61}
    if task != "question-answering":
        common.update(id2label=names, label2id={label: index for index, label in names.items()})
    kind = {"text-classification": "SequenceClassification",
            "token-classification": "TokenClassification",
            "question-answering": "QuestionAnswering"}[task]
    if family == "electra":
        config = transformers.ElectraConfig(
            **common, embedding_size=27, num_attention_heads=4, num_hidden_layers=2,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        model = getattr(transformers, "ElectraFor" + kind)(config)
    elif family == "deberta-v2":
        config = transformers.DebertaV2Config(
            **common, **DEBERTAS[task], num_attention_heads=4, num_hidden_layers=2,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        model = getattr(transformers, "DebertaV2For" + kind)(config)
    else:
        config = transformers.ModernBertConfig(
            **common, num_attention_heads=2, num_hidden_layers=4, global_attn_every_n_layers=3,
            local_attention=8, global_rope_theta=5000.0, local_rope_theta=100.0,
            classifier_pooling="mean" if text else "cls", norm_bias=not text, mlp_bias=not text,
            attention_bias=not text, classifier_bias=not text, reference_compile=False)
        model = getattr(transformers, "ModernBertFor" + kind)(config)
    return small_models.scatter(model)


def main():
    args = small_models.arguments(__doc__, FAMILIES, record_runs.TASKS)
    for family, task, folder, tokenizer, data in small_models.each(
            args, FAMILIES, record_runs.TASKS, True, train_tokenizer):
        model = make_model(family, task, len(tokenizer), tokenizer.pad_token_id)
        record_decoders.save_model(model, folder / "model")
        rows = record_runs.encode(task, family, tokenizer, *data)
        if family == "modernbert":
            batch = record_runs.collate(rows[:4], tokenizer.pad_token_id)[0]
            before = model(**batch)
            modeling_modernbert.ModernBertRotaryEmbedding.forward = record_decoders.exact_rotary
            record_decoders.expect_equal(before, model(**batch))
        record_runs.record(folder, model, rows, tokenizer, 1, data.questions)


if __name__ == "__main__":
    main()
