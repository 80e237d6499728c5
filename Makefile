# Two commands: `make theorems` and `make test`. `make help` lists the rest.
# One thread per process: cells are spread over worker processes, and every sum keeps one order.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export NO_MKDOCS_2_WARNING := 1

PYTHON ?= python3
BIN := .venv/bin
# Stamps: what a run needs, and what the checks of the project need beside it.
RUNTIME := .venv/.installed
STAMP := .venv/.developed
SMOKE := reports/smoke-check
SEED ?= 0
# What `make reference` measures, and the figures that the README shows.
FULL := reports/full-seed$(SEED)
FIGURES := pointing training_scaling own_settings score_by_budget
# Where `make wheels` keeps the packages, for installing another checkout without network.
WHEELS ?= $(HOME)/.cache/dgpg-verify/wheels
PIP := $(BIN)/python -m pip install --quiet --no-compile --constraint requirements.lock
# As pip compiles, but on every core; some files of packages are for other versions of Python.
COMPILE := $(BIN)/python -m compileall -qq -j 0 .venv/lib || true
HERE := --no-build-isolation --editable
OFFLINE := --no-index --find-links $(WHEELS)

# Half of the unit tests, by time.
UPPER := tests/training tests/claims

.DEFAULT_GOAL := help
.PHONY: help install wheels theorems test lint types layers tests upper lower properties smoke full reference report lowest lock release audit cluster-test docs coverage format clean

help: ## list the commands
	@grep -hE "^[a-z-]+:.*## " $(MAKEFILE_LIST) | awk -F ":.*## " '{printf "%-24s %s\n", $$1, $$2}'

$(RUNTIME): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) hatchling || $(PIP) $(OFFLINE) hatchling
	$(PIP) $(HERE) . || $(PIP) $(OFFLINE) $(HERE) .
	$(COMPILE)
	touch $@

$(STAMP): $(RUNTIME)
	$(PIP) $(HERE) ".[dev]" || $(PIP) $(OFFLINE) $(HERE) ".[dev]"
	$(COMPILE)
	touch $@

install: $(STAMP) ## environment in .venv, as in requirements.lock; nothing is called while that and pyproject.toml are unchanged

wheels: install ## keep all packages in $WHEELS, so that fresh checkouts install without network
	$(BIN)/python -m pip freeze --all --exclude-editable | xargs $(BIN)/python -m pip download --quiet --no-deps --dest $(WHEELS)

theorems: $(RUNTIME) ## measure and judge every claim at standard scale (finished cells are kept)
	$(BIN)/python -m pytest theorems/ --benchmark --resume $(ARGS)

test: install ## lint, types, import layers, tests, properties, smoke benchmark; two at a time but for the last
	$(MAKE) --no-print-directory --output-sync=line --jobs=2 upper lower lint types layers properties
	$(MAKE) --no-print-directory smoke

lint: install ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## mypy
	$(BIN)/mypy

layers: install ## rooms import downwards only
	$(BIN)/lint-imports

tests: install ## unit tests
	$(BIN)/python -m pytest tests $(ARGS)

lower: install # the unit tests in two halves that take about as long, for two cores
	$(BIN)/python -m pytest tests $(UPPER:%=--ignore=%) $(ARGS)

upper: install
	$(BIN)/python -m pytest $(UPPER) $(ARGS)

properties: install ## exact checks and Hypothesis properties of the theorems, nothing measured
	$(BIN)/python -m pytest theorems/ $(ARGS)

smoke: install ## every claim at smoke scale, in a folder of its own
	rm -rf $(SMOKE)
	$(BIN)/python -m pytest theorems/ --benchmark --scale smoke --out $(SMOKE) $(ARGS)

full: $(RUNTIME) ## every claim at full scale; --resume continues a sitting
	$(BIN)/python -m pytest theorems/ --benchmark --scale full --resume $(ARGS)

reference: install ## every claim at full scale in sittings, as committed in reports/reference; one sitting: ARGS="--n-max 200"
	$(BIN)/python -m pytest theorems/ --benchmark --scale full --seed $(SEED) --resume --out $(FULL) $(ARGS)
	$(if $(ARGS),,$(commit))

# After the last sitting: the speed suite, the compact form of the run, and the README's tables made from it.
define commit
	DGPG_SPEED_STANDARD=1 DGPG_SPEED_TABLE=$(FULL)/speed.json $(BIN)/python -m pytest tests/speed
	rm -rf reports/reference
	$(BIN)/dgpg-verify compact $(FULL) --out reports/reference $(FIGURES:%=--figure %)
	$(BIN)/python scripts/readme_claims.py
endef

report: $(RUNTIME) ## judge and draw a run folder again: make report DIR=reports/standard-seed0
	$(BIN)/dgpg-verify report $(DIR)

lowest: ## unit tests with the lowest versions that pyproject.toml allows, in an environment of their own
	$(PYTHON) scripts/lowest.py $(ARGS)

lock: ## resolve all extras in a new environment: requirements.lock and docs/licences.md
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet ".[dev,tensorboard,browser,pettingzoo,release,cluster]" $(ARGS)
	.venv-lock/bin/python scripts/lock.py
	rm -rf .venv-lock

release: install ## sdist, wheel and bill of materials (CycloneDX) in dist/
	rm -rf dist .venv-release
	$(BIN)/hatchling build
	$(PIP) $(HERE) ".[release]"
	$(PYTHON) -m venv --without-pip .venv-release
	$(BIN)/python -m pip --python .venv-release install --quiet --constraint requirements.lock dist/*.whl
	.venv-release/bin/dgpg-verify --version
	$(BIN)/python -m pip --python .venv-release uninstall --quiet --yes dgpg-verify
	$(BIN)/cyclonedx-py environment .venv-release --pyproject pyproject.toml --mc-type library --output-reproducible -o dist/sbom.cdx.json
	rm -rf .venv-release

audit: install ## look the locked versions up among known vulnerabilities; fails where one cannot be looked up
	$(PIP) $(HERE) ".[release]"
	$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement requirements.lock

cluster-test: install ## runs on a Dask cluster of this machine, whose worker and scheduler are killed; they go on without it
	$(PIP) $(HERE) ".[cluster]"
	$(BIN)/python -m pytest tests/claims/test_cluster.py $(ARGS)

docs: install ## the documentation as a site in site/; warnings are errors
	$(BIN)/mkdocs build --quiet --strict

coverage: install ## lines that the tests reach
	$(BIN)/coverage run --source dgpg_verify -m pytest tests theorems/
	$(BIN)/coverage report

format: install ## let ruff rewrite
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove caches and the environment; reports stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .import_linter_cache *.egg-info
