# `make train` and `make test` do everything, from creating .venv to the result.
# PYTHON and CXX choose interpreter and compiler; JOBS how many files compile at once.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
CONFIG ?= Release
ARGS ?=

BIN := $(VENV)/bin
PY := $(BIN)/python
DONE := $(VENV)/.done
# One build folder per Python version and configuration.
BUILD = build/$(shell $(PY) -c 'import sys; print("py%d.%d" % sys.version_info[:2])')-$(CONFIG)
LOCK := $(if $(shell command -v flock),flock build/.lock,)
export PATH := $(CURDIR)/$(BIN):$(PATH)
empty :=
export NINJA_STATUS = [%f/%t] $(empty)

.PHONY: help train test build native package native-test asan tsan lint format types stubs bench docs wheel clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

train: build ## build, install, and train the mission's network on real handwritten digits
	@echo "==> training 784-128-64-10 on handwritten digits (lampas train)"
	@$(BIN)/lampas train $(ARGS)

test: build ## build, install, and run the whole test suite
	@echo "==> running the tests"
	@$(PY) -m pytest $(ARGS)

# pip writes the bytecode of what it installs, but not of a package in place.
build: $(DONE)/build $(DONE)/test ## compile the native core into src/lampas; seconds after a change
	@mkdir -p build
	@$(LOCK) $(MAKE) --no-print-directory native package
	@$(PY) -m compileall -q src/lampas

native:
	@test -f $(BUILD)/build.ninja || { echo "==> configuring $(BUILD)"; \
	  cmake -S . -B $(BUILD) -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=$(CONFIG) \
	    -DLAMPAS_INPLACE=ON -DPython_EXECUTABLE="$(CURDIR)/$(PY)" >build/configure.log 2>&1 \
	  || { rm -f $(BUILD)/build.ninja; cat build/configure.log; exit 1; }; }
	@echo "==> building the native core in $(BUILD)"
	@cmake --build $(BUILD) --parallel $(JOBS)

package: $(DONE)/package
	@:

$(DONE)/build $(DONE)/test $(DONE)/lint $(DONE)/docs: $(DONE)/%: pyproject.toml
	@tools/venv.sh $(VENV) $*

$(DONE)/package: pyproject.toml | $(DONE)/build
	@tools/venv.sh $(VENV) package

native-test: $(DONE)/build ## compile and run the native tests
	@$(call preset,release)

asan: $(DONE)/build ## native tests under the address and undefined-behaviour sanitizers
	@$(call preset,asan)

tsan: $(DONE)/build ## native tests under the thread sanitizer
	@$(call preset,tsan)

define preset
mkdir -p build && echo "==> native tests, preset $(1)" && \
cmake --preset $(1) --log-level=WARNING -DPython_EXECUTABLE="$(CURDIR)/$(PY)" >build/$(1).log 2>&1 \
  || { cat build/$(1).log; exit 1; }; \
cmake --build --preset $(1) --target lampas_tests --parallel $(JOBS) && ctest --preset $(1)
endef

lint: $(DONE)/lint ## ruff and clang-format, changing nothing
	@echo "==> ruff" && $(BIN)/ruff check .
	@echo "==> clang-format" && \
	  git ls-files -z 'native/*.cpp' 'native/*.h' | xargs -0 $(BIN)/clang-format --dry-run -Werror

format: $(DONE)/lint ## let ruff and clang-format rewrite the sources
	@$(BIN)/ruff check --fix-only --quiet .
	@git ls-files -z 'native/*.cpp' 'native/*.h' | xargs -0 $(BIN)/clang-format -i

types: $(DONE)/lint build ## mypy on the package
	@echo "==> mypy" && $(BIN)/mypy

stubs: build ## regenerate src/lampas/_C.pyi from the extension module
	@$(PY) tools/make_stubs.py

bench: build ## compare with an installed PyTorch: make bench ARGS="--torch /path/to/python"
	@$(PY) benchmarks/compare.py $(ARGS)

docs: build $(DONE)/docs ## build the documentation into site/; warnings are errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "==> site/index.html"

wheel: $(DONE)/build ## build a wheel into dist/
	@$(PY) -m pip --quiet --disable-pip-version-check wheel --no-deps --wheel-dir dist . && ls -sh dist

clean: ## remove what was built; .venv stays
	rm -rf build dist site src/lampas/_C*.so .pytest_cache .mypy_cache .ruff_cache
