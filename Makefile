# Two commands for a new user: `make demo` and `make test`. Both set up .venv themselves.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
OLDEST := .venv-oldest
OLDEST_PYTHON ?= python3.11

.PHONY: demo test quick test-oldest golden lint format sinusoid papers tables accuracy ablation bench benchmark fuzz fuzz-fits fuzz-writers parquet digits gaze docs notebooks release-check clean

demo: $(READY)
	$(BIN)/python examples/1-start/concrete.py $(ARGS)

# Two workers of one thread each. Each takes neighbouring tests, which share what they set up.
TWO := -q -n 2 --dist worksteal

test: $(READY) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWO) $(ARGS)

# For each save of a file: every room, without the tests marked as slow; about a minute.
quick: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWO) -m "not slow" $(ARGS)

# The whole suite with the lower bounds of pyproject.toml on the lowest Python. Its environment is
# made once: PyPI has torch 2.4 for x86 with CUDA only, so that 2.8 GB are downloaded and take 6 GB.
# Old packages warn of newer ones: what `make test` takes for errors is shown as a warning here.
test-oldest: $(OLDEST)/.ready
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest $(TWO) \
		-W default::FutureWarning -W default::DeprecationWarning $(ARGS)

# The last one holds the order of the rooms: which of them may import which.
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# What the recipe decides on six small tables, compared with tests/golden/decisions.json: a minute.
# ARGS=--write writes the file anew.
golden: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python tests/golden/decide.py $(ARGS)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site, in docs/_build/html. A warning of sphinx is an error, and so is a local link that leads
# nowhere; links to other sites are not fetched. Each example is run, in its quick form where it has
# one. The code of the pages and the doctests run in `make test`.
docs: $(READY)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[docs,examples]'
	rm -rf docs/_build docs/gallery docs/api/generated
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -n -W --keep-going -q -b html docs docs/_build/html $(ARGS)
	$(BIN)/python docs/check_links.py docs/_build/html

# Wheel and sdist, what they hold, what a user does with the wheel, and what each extra promises, in
# fresh environments: five minutes. ARGS="onnx test" tries these extras alone.
release-check: $(READY)
	$(BIN)/python -m pip install -q --disable-pip-version-check build twine
	$(BIN)/python tools/check_release.py $(ARGS)

# Each example as a notebook, in an empty folder: minutes. ARGS="route gaze" runs these alone.
notebooks: $(READY)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[docs,examples]'
	OMP_NUM_THREADS=1 $(BIN)/python tools/notebooks.py $(ARGS)

sinusoid: $(READY)
	$(BIN)/python examples/3-papers/sinusoid.py $(ARGS)

# Turned digits, which come with scikit-learn; in seconds with ARGS=--quick.
digits: $(READY)
	$(BIN)/python examples/3-papers/digits.py $(ARGS)

# Gaze from pictures of eyes that you have: DATA is a file .npz, or FOLDER the unpacked MPIIGaze.
gaze: $(READY)
	$(BIN)/python examples/3-papers/gaze.py $(if $(FOLDER),--folder $(FOLDER),--data $(DATA)) $(ARGS)

# All models on all tables of a folder, under six kinds of label noise: hours. Goes on where it
# was stopped.
accuracy: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python examples/benchmarks/accuracy.py --data $(DATA) $(ARGS)

# Nine tables, most of them with words, that the recipe was not made with, as files in FOLDER.
tables: $(READY)
	$(BIN)/python examples/benchmarks/mixed_tables.py --folder $(FOLDER)

# Each method of the papers switched on, against the default recipe: about an hour.
ablation: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python examples/benchmarks/ablation.py --data $(DATA) $(ARGS)

# Training, search, prediction and memory beside the peers, on one thread: half an hour.
bench: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python examples/benchmarks/speed.py $(ARGS)

# Regression under wrong labels, ours beside others, on tables of packages and on made ones: two to
# three hours of one core (ARGS="--jobs 16"). Goes on where it was stopped. catboost and pytabkit
# take part where they are installed.
benchmark: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.noisy_regression $(ARGS)

# Damaged and forged files, 10,000 of them: a few minutes.
fuzz: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python tests/persistence/fuzz.py $(ARGS)

# Random fits, 2,000 of them, over tables, weights, teachers and options: some twenty minutes. Goes on
# where it was stopped; remove fuzz_fits.jsonl to begin anew.
fuzz-fits: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.estimators.fuzz_fits $(ARGS)

# Writers of models and of estimators, killed with SIGKILL 100 times each: some minutes.
fuzz-writers: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.export.kill_writers --kills 100 $(ARGS)

# 20,000,000 rows of Parquet distilled by two workers of 600 MB each, killed midway and resumed:
# a quarter of an hour, 1.6 GB in the folder FOLDER.
parquet: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python examples/2-practice/distill_parquet.py --folder $(FOLDER) --prove $(ARGS)

# One script for each paper; each prints a table and draws a picture.
papers: $(READY)
	$(BIN)/python examples/3-papers/outlier_rejection.py $(ARGS)
	$(BIN)/python examples/3-papers/revision_selection.py $(ARGS)
	$(BIN)/python examples/3-papers/route.py $(ARGS)

# torch goes in first and alone: pip then never considers the multi-gigabyte CUDA builds.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'Python >= 3.11 is needed: make PYTHON=python3.11'"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

$(OLDEST)/.ready: pyproject.toml tools/lower_bounds.py
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	$(OLDEST_PYTHON) tools/lower_bounds.py test > $(OLDEST)/bounds.txt
	$(OLDEST)/bin/python -m pip install -q --disable-pip-version-check -r $(OLDEST)/bounds.txt
	$(OLDEST)/bin/python -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@

clean:
	rm -rf .venv $(OLDEST) build dist docs/_build docs/gallery docs/api/generated \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis
