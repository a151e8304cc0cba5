##@ Run

.PHONY: all test-matrix continue
all: config.py ## Compute what the configuration asks for (also: just `make`), then report
	+@$(run) matrix run

test-matrix: config.py ## The same, by its old name; what is done is not computed again
	+@$(run) matrix run

continue: config.py ## The same: every `make` continues
	+@$(run) matrix run

.PHONY: train
train: config.py ## Compute one run: the configuration must be one
	+@$(run) matrix train

.PHONY: test-matrix-dry-run dry-run estimate
test-matrix-dry-run dry-run: config.py ## The plan: each run, its state, length, memory and time
	@$(run) matrix plan

estimate: config.py ## What the plan will need; the same page
	@$(run) matrix plan

.PHONY: test-rerun
test-rerun: config.py ## Compute ended runs again: TARGET=run, arm, failed or all [OPTIMIZER=...]
	+@$(run) matrix rerun

## parallel-N: Compute N runs at a time, as `make -jN` does
.PHONY: parallel
parallel: parallel-2
parallel-%: config.py FORCE
	+@$(MAKE) -j$* all

.PHONY: status watch
status: config.py ## Each run with its state, progress and time left
	@$(run) status

watch: config.py ## The same, live, until Ctrl+C
	@$(run) status --watch
