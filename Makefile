# make demo   set up, and segment a shipped scene
# make test   set up, and run every check
# make docs   set up, and build the documentation into site/
# make bench  set up, and measure speed and memory on this machine, for half an hour or so
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test docs bench lint types floors unit format samples clean

demo: $(READY)
	$(BIN)/geoglm segment data-samples/dutch-river.tif -o demo-output
	@ls demo-output

test: lint types floors unit

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(READY)
	mkdir -p bench-output
	$(BIN)/python benchmarks/make_scene.py data-samples/dutch-river.tif 8192 bench-output/scene.tif 0.5
	$(BIN)/python benchmarks/speed.py bench-output/scene.tif
	$(BIN)/python benchmarks/workers.py bench-output/scene.tif
	$(BIN)/python benchmarks/planner.py
	$(BIN)/python benchmarks/memory.py --scenes bench-output/memory.png
	$(BIN)/python benchmarks/empty_scene.py

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "geoglm needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24" "setuptools>=77"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable ".[dev]"
	touch $(READY)

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable ".[docs]"
	touch $(VENV)/.docs

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

floors: $(READY)
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

samples: $(READY)
	$(BIN)/python data-samples/make_samples.py

clean:
	rm -rf $(VENV) build dist site *.egg-info demo-output bench-output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
