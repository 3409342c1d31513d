#!/usr/bin/env bash
# Creates the virtual environment that the Makefile's targets work in and installs into it what a
# group of them needs. usage: tools/venv.sh VENV GROUP, where GROUP is an extra of pyproject.toml
# or `package` for the package itself (in place, native core built separately).
# PYTHON and CXX choose the interpreter and the compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 group=$2

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
stop() { printf 'error: %s\n' "$*" >&2; exit 1; }

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

find_python() {
  local candidate
  if [ -n "${PYTHON:-}" ]; then
    usable "$PYTHON" || stop "PYTHON=$PYTHON is not a Python 3.10 or newer"
    echo "$PYTHON"
    return
  fi
  for candidate in python3 python3.13 python3.12 python3.11 python3.10 python; do
    if usable "$candidate"; then echo "$candidate"; return; fi
  done
  stop "no Python 3.10 or newer found. Install one (Debian, Ubuntu: apt install python3 python3-venv;" \
    "Fedora: dnf install python3; macOS: brew install python) or name it: make PYTHON=/path/to/python"
}

check_compiler() {
  local compiler=${CXX:-c++}
  command -v "$compiler" >/dev/null || stop "no C++ compiler '$compiler' found. Install GCC 11 or" \
    "newer, or Clang 14 or newer (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++;" \
    "macOS: xcode-select --install), or name it: make CXX=/path/to/g++"
  echo 'int main() { auto f = []<class T>(T x) { return x; }; return f(0); }' |
    "$compiler" -std=c++20 -x c++ -fsyntax-only - 2>/dev/null ||
    stop "$("$compiler" --version | head -1) cannot compile C++20. Install GCC 11 or newer, or" \
      "Clang 14 or newer, and name it: make CXX=/path/to/g++-12"
}

create() {
  local python
  check_compiler
  python=$(find_python)
  say "creating $venv with $("$python" --version)"
  "$python" -m venv "$venv" || stop "$python cannot create virtual environments" \
    "(Debian, Ubuntu: apt install python3-venv)"
}

# The requirements an extra names, read from pyproject.toml so that they stand in one place.
requirements() {
  "$venv/bin/python" - "$1" <<'PY'
import sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open("pyproject.toml", "rb") as f:
    project = tomllib.load(f)["project"]
group = sys.argv[1]
wanted = project["optional-dependencies"][group]
if group == "test":
    wanted = project["dependencies"] + wanted
print("\n".join(wanted))
PY
}

[ -x "$venv/bin/python" ] || create
pip=("$venv/bin/python" -m pip --quiet --disable-pip-version-check install)
if [ "$group" = package ]; then
  say "installing lampas into $venv (in place: changes to Python files take effect at once)"
  LAMPAS_INPLACE=1 "${pip[@]}" --no-build-isolation --editable .
else
  say "installing into $venv what '$group' needs"
  wanted=()
  while IFS= read -r line; do wanted+=("$line"); done < <(requirements "$group")
  "${pip[@]}" "${wanted[@]}"
fi
mkdir -p "$venv/.done" && touch "$venv/.done/$group"
