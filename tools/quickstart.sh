#!/usr/bin/env bash
# From a bare Debian machine to a fine-tuned model: install, build, fetch a pretrained model,
# make a data set from Debian's package index, compile the training step, train, evaluate.
#   tools/quickstart.sh [TASK]    text-classification (default), token-classification or
#                                 question-answering, with MiniLM; text-generation, summarization
#                                 or translation, with adapters (LoRA) of SmolLM2-135M
# Everything it makes is in build/ and .cache/; a second run reuses what is there.
set -euo pipefail

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$repo"

task=text-classification
for argument in "$@"; do
  case "$argument" in
    -h | --help)
      sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}"
      echo "Settings, from the environment: MAX_SEQ_LENGTH (summarization, translation:" \
        "MAX_SOURCE_LENGTH MAX_TARGET_LENGTH) NUM_TRAIN_EPOCHS TRAIN_BATCH_SIZE" \
        "LEARNING_RATE SEED; the defaults of each task are in tools/quickstart.sh"
      exit 0
      ;;
    text-classification | token-classification | question-answering | text-generation | \
      summarization | translation)
      task="$argument"
      ;;
    *)
      echo "error: unknown argument $argument; expected --help, text-classification," \
        "token-classification, question-answering, text-generation, summarization or" \
        "translation" >&2
      exit 2
      ;;
  esac
done

# A run of a few minutes on two cores; each can be set in the environment.
: "${SEED:=42}"
name=minilm
model=.cache/minilm
method=full
prefix=
writes=false
case "$task" in
  text-classification)
    : "${MAX_SEQ_LENGTH:=32}" "${NUM_TRAIN_EPOCHS:=2}"
    suffix=csv
    question="which section of Debian does a package's description belong to?"
    class=AutoModelForSequenceClassification
    ;;
  token-classification)
    : "${MAX_SEQ_LENGTH:=96}" "${NUM_TRAIN_EPOCHS:=2}"
    suffix=conll
    question="which words of a package's description name packages?"
    class=AutoModelForTokenClassification
    ;;
  question-answering)
    : "${MAX_SEQ_LENGTH:=192}" "${NUM_TRAIN_EPOCHS:=1}"
    suffix=jsonl
    question="what does a package's record say? (templates, not people, made the questions)"
    class=AutoModelForQuestionAnswering
    ;;
  text-generation)
    : "${MAX_SEQ_LENGTH:=192}" "${NUM_TRAIN_EPOCHS:=1}" "${TRAIN_BATCH_SIZE:=8}"
    : "${LEARNING_RATE:=1e-3}"
    writes=true
    question="what does a package's description say, by its name, section and synopsis?"
    ;;
  summarization)
    : "${MAX_SOURCE_LENGTH:=160}" "${MAX_TARGET_LENGTH:=32}" "${NUM_TRAIN_EPOCHS:=1}"
    : "${TRAIN_BATCH_SIZE:=8}" "${LEARNING_RATE:=1e-3}"
    writes=true
    prefix="Say in a few words what this is: "
    question="what is a package's synopsis, by its description?"
    ;;
  translation)
    : "${MAX_SOURCE_LENGTH:=64}" "${MAX_TARGET_LENGTH:=48}" "${NUM_TRAIN_EPOCHS:=1}"
    : "${TRAIN_BATCH_SIZE:=8}" "${LEARNING_RATE:=1e-3}"
    writes=true
    prefix="Translate English to German: "
    question="what is a package's synopsis in German?"
    ;;
esac
if "$writes"; then
  name=smollm2
  model=.cache/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
  method=lora
  suffix=jsonl
fi
: "${TRAIN_BATCH_SIZE:=16}"
: "${LEARNING_RATE:=2e-4}"
if [ -n "$prefix" ]; then
  lengths=(--max_source_length "$MAX_SOURCE_LENGTH" --max_target_length "$MAX_TARGET_LENGTH"
    --max_beams 1 --source_prefix "$prefix")
  # Texts are scored at the end, not after each epoch.
  quiet=(--predict_with_generate false)
else
  lengths=(--max_seq_length "$MAX_SEQ_LENGTH")
  quiet=()
fi

step() { printf '\n== %s\n' "$*" >&2; }

work=.cache/quickstart/$task
data=$work/data
artifact=$work/step.ftb
output=$work/model

step "1/5 Install what is missing"
tools/install.sh "--model=$name"

step "2/5 Build ftc, the compiler, and ftrt, the runtime"
tools/build.sh ftc ftrt
start=$SECONDS

step "3/5 Make a data set: $question"
if [ -e "$data/dataset.json" ]; then
  echo "reusing $data" >&2
else
  python3 "tools/quickstart/${task//-/_}.py" --output_dir "$data" \
    --apt_dir .cache/quickstart/apt --seed "$SEED" > /dev/null
fi

step "4/5 Compile the training step of $model for this data set"
# What the artifact and the model were made with: other settings make them anew.
settings="${lengths[*]} $(sha256sum build/bin/ftc "$data/train.$suffix" | cut -c 1-64 | tr '\n' ' ')"
if [ -e "$artifact" ] && [ "$(cat "$artifact.settings" 2> /dev/null)" = "$settings" ]; then
  echo "reusing $artifact" >&2
else
  build/bin/ftc compile "$model" --task "$task" --method "$method" \
    --train_file "$data/train.$suffix" "${lengths[@]}" -o "$artifact"
  echo "$settings" > "$artifact.settings"
fi

step "5/5 Fine-tune on $(nproc) cores and evaluate on the test split"
run_settings="$settings $NUM_TRAIN_EPOCHS $TRAIN_BATCH_SIZE $LEARNING_RATE $SEED"
if [ "$(cat "$output.settings" 2> /dev/null)" = "$run_settings" ]; then
  echo "reusing $output" >&2
else
  # A run that was cut off goes on from its last checkpoint; one with other settings is replaced.
  again=(--overwrite_output_dir)
  if [ "$(cat "$output.started" 2> /dev/null)" = "$run_settings" ]; then
    again=(--resume_from_checkpoint true)
  fi
  echo "$run_settings" > "$output.started"
  build/bin/ftrt run "$artifact" --train_file "$data/train.$suffix" \
    --validation_file "$data/validation.$suffix" --output_dir "$output" \
    --num_train_epochs "$NUM_TRAIN_EPOCHS" --per_device_train_batch_size "$TRAIN_BATCH_SIZE" \
    --learning_rate "$LEARNING_RATE" --warmup_ratio 0.1 --weight_decay 0.01 --seed "$SEED" \
    --save_total_limit 1 "${quiet[@]}" "${again[@]}"
  if "$writes"; then
    # The pretrained model beside it: a step at rate 0 changes nothing.
    build/bin/ftrt run "$artifact" --train_file "$data/train.$suffix" --max_train_samples 1 \
      --max_steps 1 --learning_rate 0 --validation_file "$data/test.$suffix" \
      --save_strategy no --output_dir "$work/pretrained" --overwrite_output_dir 2> /dev/null
  fi
  echo "$run_settings" > "$output.settings"
fi
build/bin/ftrt eval "$output" --test_file "$data/test.$suffix" > "$work/test_results.json"
if "$writes"; then
  head -n 3 "$data/test.$suffix" > "$work/prompts.$suffix"
  build/bin/ftrt predict "$output" --input_file "$work/prompts.$suffix" \
    --max_new_tokens "${MAX_TARGET_LENGTH:-60}" --output_file "$work/written.jsonl"
fi
python3 tools/quickstart/show_results.py "$task" "$work"
echo "After the build this took $((SECONDS - start)) seconds."
echo
if "$writes"; then
  echo "The adapter is in $output; PEFT loads it. A whole model for transformers:"
  echo "  build/bin/ftrt export $output --to my-model --merge_lora"
else
  echo "The model is in $output; transformers loads it:"
  echo "  $class.from_pretrained(\"$output\")"
fi
echo
case "$task" in
  text-classification)
    cat << END
Your own texts: a CSV file with the columns text and label (JSON lines and TSV do as well):
  build/bin/ftc compile $model --task text-classification --train_file mine.csv -o mine.ftb
  build/bin/ftrt run mine.ftb --train_file mine.csv --validation_split_percentage 10 \\
    --num_train_epochs 3 --learning_rate 1e-4 --output_dir my-model
  build/bin/ftrt predict my-model --input_file new.csv --output_file labels.jsonl
Other tasks: tools/quickstart.sh token-classification, question-answering, text-generation,
  summarization or translation
END
    ;;
  token-classification)
    cat << END
Your own texts: a CoNLL file, a word and its tag a line, an empty line between sentences:
  build/bin/ftc compile $model --task token-classification --train_file mine.conll -o mine.ftb
  build/bin/ftrt run mine.ftb --train_file mine.conll --validation_split_percentage 10 \\
    --num_train_epochs 3 --learning_rate 1e-4 --output_dir my-model
  build/bin/ftrt predict my-model --input_file new.conll --output_file tags.jsonl
END
    ;;
  question-answering)
    cat << END
Your own questions: SQuAD's JSON, or lines with id, question, context and answers:
  build/bin/ftc compile $model --task question-answering --train_file mine.json \\
    --max_seq_length 384 -o mine.ftb
  build/bin/ftrt run mine.ftb --train_file mine.json --num_train_epochs 2 \\
    --learning_rate 1e-4 --output_dir my-model
  build/bin/ftrt predict my-model --input_file new.json --output_file answers.jsonl
END
    ;;
  text-generation)
    cat << END
Your own texts: lines with prompt and completion, chat messages, or text alone:
  build/bin/ftc compile $model --task text-generation \\
    --method lora --train_file mine.jsonl --max_seq_length 512 -o mine.ftb
  build/bin/ftrt run mine.ftb --train_file mine.jsonl --num_train_epochs 1 \\
    --learning_rate 5e-4 --output_dir my-adapter
  build/bin/ftrt predict my-adapter --input_file new.jsonl --output_file texts.jsonl
END
    ;;
  summarization)
    cat << END
Your own texts: lines with text and summary (CSV and TSV do as well):
  build/bin/ftc compile $model --task summarization \\
    --method lora --train_file mine.jsonl --max_source_length 512 --max_target_length 64 -o mine.ftb
  build/bin/ftrt run mine.ftb --train_file mine.jsonl --validation_split_percentage 10 \\
    --num_train_epochs 1 --learning_rate 5e-4 --output_dir my-adapter
  build/bin/ftrt predict my-adapter --input_file new.jsonl --output_file summaries.jsonl
END
    ;;
  translation)
    cat << END
Your own pairs: two files, a line each, or lines with en and de (any languages' codes):
  build/bin/ftc compile $model --task translation \\
    --method lora --train_file mine.en mine.de --max_source_length 128 --max_target_length 128 \\
    -o mine.ftb
  build/bin/ftrt run mine.ftb --train_file mine.en mine.de --validation_split_percentage 10 \\
    --num_train_epochs 1 --learning_rate 5e-4 --output_dir my-adapter
  build/bin/ftrt predict my-adapter --input_file new.jsonl --output_file translations.jsonl
END
    ;;
esac
