##@ Develop

# Many tests wait for a process that they have started.
in_parallel := -n 4 --dist worksteal

.PHONY: check check-quick lint
check: setup-dev lint check-defconfigs docs-check ## Everything that must hold before a commit
	@$(PYTHON) -m pytest $(in_parallel)

check-quick: setup-dev lint ## The same without the slow tests
	@$(PYTHON) -m pytest $(in_parallel) -m 'not slow'

.PHONY: check-arch
check-arch: setup-dev ## Every architecture: causal, counted, saved and loaded as it is (2 minutes)
	@$(PYTHON) -m pytest -n auto --maxprocesses 8 --dist worksteal tests/architectures

.PHONY: check-mutants
check-mutants: setup-dev ## Does a named test fail without each mechanism? (TARGET=spam: only those)
	@$(PYTHON) -m tests.mutants $(call quote,$(TARGET))

lint: setup-dev
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

.PHONY: docs docs-check
docs: | $(ready) ## Generate docs/configuration.md and the tables of the registries
	@$(run) docs

docs-check: setup-dev | $(ready)
	@$(run) docs --check
	@$(PYTHON) -m pytest tests/scripts/test_documented_lines.py

.PHONY: setup-dev
ifeq ($(origin PYTHON),command line)
setup-dev:
	@:
else
setup-dev: $(VENV)/installed-dev
endif

# It takes in the other sets; how each is installed stands in setup.mk.
$(VENV)/installed-dev: $(wildcard requirements-*.txt)

.PHONY: clean mrproper distclean
clean: ## Delete caches and generated files, but not .config, results or data
	@rm -rf defconfig config.py .pytest_cache .ruff_cache .hypothesis
	@find lib gpt2 scripts $(wildcard tests) -name __pycache__ -type d -prune -exec rm -rf {} +

mrproper distclean: clean ## The same and .config; never results or data
	@rm -f .config .config.old
