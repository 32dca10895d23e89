#!/usr/bin/env bash
# From a bare Debian machine to a fine-tuned model: install, build, fetch a pretrained MiniLM,
# make a data set from Debian's package index, compile the training step, train, evaluate.
#   tools/quickstart.sh [TASK]    text-classification (default), token-classification or
#                                 question-answering
# Everything it makes is in build/ and .cache/; a second run reuses what is there.
set -euo pipefail

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$repo"

task=text-classification
for argument in "$@"; do
  case "$argument" in
    -h | --help)
      sed -n '2,6s/^# //p' "${BASH_SOURCE[0]}"
      echo "Settings, from the environment: MAX_SEQ_LENGTH NUM_TRAIN_EPOCHS TRAIN_BATCH_SIZE" \
        "LEARNING_RATE SEED; the defaults of each task are in tools/quickstart.sh"
      exit 0
      ;;
    text-classification | token-classification | question-answering) task="$argument" ;;
    *)
      echo "error: unknown argument $argument; expected --help, text-classification," \
        "token-classification or question-answering" >&2
      exit 2
      ;;
  esac
done

# A run of a few minutes on two cores; each can be set in the environment.
: "${TRAIN_BATCH_SIZE:=16}"
: "${LEARNING_RATE:=2e-4}"
: "${SEED:=42}"
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
esac

step() { printf '\n== %s\n' "$*" >&2; }

model=.cache/minilm
work=.cache/quickstart/$task
data=$work/data
artifact=$work/step.ftb
output=$work/model

step "1/5 Install what is missing"
tools/install.sh --model

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
settings="$MAX_SEQ_LENGTH $(sha256sum build/bin/ftc "$data/train.$suffix" | cut -c 1-64 | tr '\n' ' ')"
if [ -e "$artifact" ] && [ "$(cat "$artifact.settings" 2> /dev/null)" = "$settings" ]; then
  echo "reusing $artifact" >&2
else
  build/bin/ftc compile "$model" --task "$task" --train_file "$data/train.$suffix" \
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
  build/bin/ftrt run "$artifact" --train_file "$data/train.$suffix" \
    --validation_file "$data/validation.$suffix" --output_dir "$output" \
    --num_train_epochs "$NUM_TRAIN_EPOCHS" --per_device_train_batch_size "$TRAIN_BATCH_SIZE" \
    --learning_rate "$LEARNING_RATE" --warmup_ratio 0.1 --weight_decay 0.01 --seed "$SEED" \
    --save_total_limit 1 "${again[@]}"
  echo "$run_settings" > "$output.settings"
fi
build/bin/ftrt eval "$output" --test_file "$data/test.$suffix" > "$work/test_results.json"
python3 tools/quickstart/show_results.py "$task" "$data/dataset.json" "$work/test_results.json"
cat << END
After the build this took $((SECONDS - start)) seconds.

The model is in $output; transformers loads it:
  $class.from_pretrained("$output")

END
case "$task" in
  text-classification)
    cat << END
Your own texts: a CSV file with the columns text and label (JSON lines and TSV do as well):
  build/bin/ftc compile $model --task text-classification --train_file mine.csv -o mine.ftb
  build/bin/ftrt run mine.ftb --train_file mine.csv --validation_split_percentage 10 \\
    --num_train_epochs 3 --learning_rate 1e-4 --output_dir my-model
  build/bin/ftrt predict my-model --input_file new.csv --output_file labels.jsonl
Other tasks: tools/quickstart.sh token-classification, tools/quickstart.sh question-answering
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
esac
