#!/bin/bash
# The figures of a machine with an NVIDIA GPU, which need not reach the internet.
#   gpu.sh pack [PYTHON [PACKAGE...]]
#                          where the internet is: what that machine needs, into .build/gpu; for
#                          its version of Python (3.12), but the packages that this has, and with
#                          the embedding model, which `mnemo model fetch` has to have brought
#   gpu.sh compile         there, with a CUDA compiler: some minutes, into .build/gpu as well
#   gpu.sh run [FOLDER]    there: measure, and leave the table and the figures in FOLDER
# CMAKE_ARGS says for which GPU; an H100 or H200 where it is not set.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=.build/gpu
python=$work/venv/bin/python
embedder=all-MiniLM-L6-v2.gguf
export CMAKE_ARGS=${CMAKE_ARGS:--DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=90}
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1

# What setup.cfg asks for, without llama-cpp-python, which is compiled.
needs() {
    sed -n '/^install_requires/,/^$/p' setup.cfg | grep '[<>=] *[0-9]' | grep -v llama | tr -d ' '
}

pack() {
    local version=${1:-3.12} newest package
    rm -rf $work
    mkdir -p $work/wheels
    newest=$(sed -n 's/^ *llama-cpp-python *\(.*\)/llama-cpp-python\1/p' setup.cfg | tr -d ' ')
    python3 -m pip download -q --no-deps --no-binary llama-cpp-python -d $work "$newest"
    (
        # What is compiled is a tenth of the archive.
        cd $work
        tar xzf llama_cpp_python-*.tar.gz
        rm llama_cpp_python-*.tar.gz
        folder=$(echo llama_cpp_python-*)
        source=$folder/vendor/llama.cpp
        rm -rf "$folder/.git" "$source"/{.git,models,docs,examples,media,tests,gguf-py,benches}
        find "$source/tools/ui" -mindepth 1 ! -name CMakeLists.txt ! -name 'ui.*.in' -delete
        tar czf "$folder.tar.gz" "$folder"
        rm -r "$folder"
    )
    local platforms=() minor
    for minor in $(seq 17 39); do platforms+=(--platform "manylinux_2_${minor}_x86_64"); done
    # shellcheck disable=SC2046
    python3 -m pip download -q -d $work/wheels --only-binary=:all: --implementation cp \
        --python-version "$version" --platform manylinux2014_x86_64 "${platforms[@]}" \
        $(needs) setuptools wheel scikit-build-core diskcache pip \
        uvicorn fastapi pydantic-settings sse-starlette 'starlette-context<0.4' PyYAML
    for package in "${@:2}"; do rm "$work/wheels/$package"-*.whl; done
    cp "${MNEMO_MODELS:-$HOME/.cache/mnemo/models}/$embedder" $work
    du -sh $work/*
}

compile() {
    python3 -m venv --without-pip $work/venv
    # After its own packages, those of the Python that made it.
    python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
        >"$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/python3.pth"
    local pip=("$python" "$(echo $work/wheels/pip-*.whl)/pip")
    export PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/$work/wheels
    # shellcheck disable=SC2046
    "${pip[@]}" install -q pip setuptools wheel scikit-build-core diskcache $(needs)
    CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) "$python" -m pip install --no-deps --no-build-isolation \
        "$(echo $work/llama_cpp_python-*.tar.gz)"
    "$python" -m pip install -q --no-deps --no-build-isolation --editable .
    "$python" contrib/benchmarks/native_llama.py --sources "$(echo $work/llama_cpp_python-*.tar.gz)"
}

run() {
    local folder=${1:-$work}
    export PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/$work/wheels
    # What was measured is seen also where the time is up before the end.
    export PYTHONUNBUFFERED=1
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
    "$python" -m mnemo model fetch "$work/$embedder"
    "$python" contrib/benchmarks/inference.py --model-shape 1.5b --json "$folder/inference.json" |
        tee "$folder/inference.txt"
}

case ${1:-} in
    pack | compile | run) "$@" ;;
    *) sed -n '2,10s/^# *//p' "$0" && exit 2 ;;
esac
