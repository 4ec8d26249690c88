# Everything a user or a robot runs; the environment is made on first use and kept in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test test-torch lint type bench validate figures docs clean

run: $(READY)
	$(BIN)/simsnn run configs/experiments/quickstart.yaml

test: lint type
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-torch: $(READY)
	$(BIN)/python -m pip install --quiet -e '.[nir,torch]' spikingjelly snntorch nirtorch loguru
	$(BIN)/python -m pytest tests/torch

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(READY)
	$(BIN)/mypy --strict simsnn

bench: $(READY)
	$(BIN)/python -m benchmarks

validate: $(READY)
	$(BIN)/simsnn validate

figures: $(READY)
	$(BIN)/python docs/draw_timing.py docs/figures
	$(BIN)/python docs/draw_gantt.py docs/figures
	$(BIN)/python docs/draw_array.py docs/figures
	$(BIN)/python docs/write_tutorial.py

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet -d build/site

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "simsnn needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1); try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python has no venv module; on Debian: sudo apt-get install -y python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,data,solver,cluster,search,parquet,nir,docs]'
	@touch $(READY)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
