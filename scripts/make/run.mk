##@ Run

.PHONY: all test-matrix continue
all: config.py ## Compute what the configuration asks for (also: just `make`), then report
	+@$(PYTHON) -m scripts.matrix run

test-matrix: config.py ## The same, by its old name; what is done is not computed again
	+@$(PYTHON) -m scripts.matrix run

continue: config.py ## The same: every `make` continues
	+@$(PYTHON) -m scripts.matrix run

.PHONY: train
train: config.py ## Compute one run: the configuration must be one
	+@$(PYTHON) -m scripts.matrix train

.PHONY: test-matrix-dry-run dry-run estimate
test-matrix-dry-run dry-run: config.py ## The plan: each run, its state, length, memory and time
	@$(PYTHON) -m scripts.matrix plan

estimate: config.py ## What the plan will need; the same page
	@$(PYTHON) -m scripts.matrix plan

.PHONY: test-rerun
test-rerun: config.py ## Compute ended runs again: TARGET=run, arm, failed or all [OPTIMIZER=...]
	+@TARGET='$(subst ','\'',$(TARGET))' $(PYTHON) -m scripts.matrix rerun

## parallel-N: Compute N runs at a time, as `make -jN` does
.PHONY: parallel
parallel: parallel-2
parallel-%: config.py
	+@$(MAKE) -j$* all

.PHONY: status watch
status: config.py ## Each run with its state, progress and time left
	@$(PYTHON) -m scripts.status

watch: config.py ## The same, live, until Ctrl+C
	@$(PYTHON) -m scripts.status --watch
