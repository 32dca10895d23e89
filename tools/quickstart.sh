#!/usr/bin/env bash
# From a bare Debian machine to a fine-tuned model: install, build, fetch a pretrained MiniLM,
# make a data set from Debian's package index, compile the training step, train, evaluate.
# Everything it makes is in build/ and .cache/; a second run reuses what is there.
set -euo pipefail

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$repo"

# A run of a few minutes on two cores; each can be set in the environment.
: "${MAX_SEQ_LENGTH:=32}"
: "${NUM_TRAIN_EPOCHS:=2}"
: "${TRAIN_BATCH_SIZE:=16}"
: "${LEARNING_RATE:=2e-4}"
: "${SEED:=42}"

for argument in "$@"; do
  case "$argument" in
    -h | --help)
      sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"
      echo "Settings, from the environment: MAX_SEQ_LENGTH=$MAX_SEQ_LENGTH" \
        "NUM_TRAIN_EPOCHS=$NUM_TRAIN_EPOCHS TRAIN_BATCH_SIZE=$TRAIN_BATCH_SIZE" \
        "LEARNING_RATE=$LEARNING_RATE SEED=$SEED"
      exit 0
      ;;
    *) echo "error: unknown argument $argument; expected --help or nothing" >&2; exit 2 ;;
  esac
done

step() { printf '\n== %s\n' "$*" >&2; }

model=.cache/minilm
data=.cache/quickstart/data
artifact=.cache/quickstart/step.ftb
output=.cache/quickstart/model

step "1/5 Install what is missing"
tools/install.sh --model

step "2/5 Build ftc, the compiler, and ftrt, the runtime"
tools/build.sh ftc ftrt
start=$SECONDS

step "3/5 Make a data set: which section of Debian does a package's description belong to?"
if [ -e "$data/dataset.json" ]; then
  echo "reusing $data" >&2
else
  python3 tools/make_debian_dataset.py --output_dir "$data" --seed "$SEED" > /dev/null
fi

step "4/5 Compile the training step of $model for this data set"
# What the artifact and the model were made with: other settings make them anew.
settings="$MAX_SEQ_LENGTH $(sha256sum build/bin/ftc "$data/train.csv" | cut -c 1-64 | tr '\n' ' ')"
if [ -e "$artifact" ] && [ "$(cat "$artifact.settings" 2> /dev/null)" = "$settings" ]; then
  echo "reusing $artifact" >&2
else
  build/bin/ftc compile "$model" --task text-classification --train_file "$data/train.csv" \
    --max_seq_length "$MAX_SEQ_LENGTH" -o "$artifact"
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
  build/bin/ftrt run "$artifact" --train_file "$data/train.csv" \
    --validation_file "$data/validation.csv" --output_dir "$output" \
    --num_train_epochs "$NUM_TRAIN_EPOCHS" --per_device_train_batch_size "$TRAIN_BATCH_SIZE" \
    --learning_rate "$LEARNING_RATE" --warmup_ratio 0.1 --weight_decay 0.01 --seed "$SEED" \
    --save_total_limit 1 "${again[@]}"
  echo "$run_settings" > "$output.settings"
fi
build/bin/ftrt eval "$output" --test_file "$data/test.csv" > .cache/quickstart/test_results.json

python3 - "$data/dataset.json" .cache/quickstart/test_results.json << 'PYTHON'
import json, sys
data = json.load(open(sys.argv[1]))
results = json.load(open(sys.argv[2]))
print("\nTest split, %d descriptions, %d sections:" %
      (data["examples"]["test"], len(data["train_labels"])))
print("  accuracy of the fine-tuned model    %5.1f %%" % (100 * results["eval_accuracy"]))
print("  always the most common section (%s) %5.1f %%" %
      (data["majority_label"], 100 * data["majority_test_accuracy"]))
PYTHON
cat << END
After the build this took $((SECONDS - start)) seconds.

The model is in $output; transformers loads it:
  AutoModelForSequenceClassification.from_pretrained("$output")

Your own texts: a CSV file with the columns text and label (JSON lines and TSV do as well):
  build/bin/ftc compile $model --task text-classification --train_file mine.csv -o mine.ftb
  build/bin/ftrt run mine.ftb --train_file mine.csv --validation_split_percentage 10 \\
    --num_train_epochs 3 --learning_rate 1e-4 --output_dir my-model
  build/bin/ftrt predict my-model --input_file new.csv --output_file labels.jsonl
Entities instead of whole texts: --task token-classification, and a CoNLL file.
END
