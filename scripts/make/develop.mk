##@ Develop

# Many tests wait for a process that they have started.
override in_parallel := -n 4 --dist worksteal

.PHONY: check check-quick lint
check: setup-dev lint check-defconfigs docs-check ## Everything that must hold before a commit
	@$(python) -m pytest $(in_parallel)

check-quick: setup-dev lint ## The same without the slow tests
	@$(python) -m pytest $(in_parallel) -m 'not slow'

.PHONY: check-arch
check-arch: setup-dev ## Every architecture: causal, counted, saved and loaded as it is (2 minutes)
	@$(python) -m pytest -n auto --maxprocesses 8 --dist worksteal tests/architectures

.PHONY: check-mutants
check-mutants: setup-dev ## Does a named test fail without each mechanism? (TARGET=spam: only those)
	@$(python) -m tests.mutants $(call value_of,TARGET)

lint: setup-dev
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .

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

# The first line of a file that was generated here; a file of that name without it is somebody's own.
made_here := ^\# (Generated from \.config|Written by .make savedefconfig|bitterbench configuration, generated|run .* copy this file to \.config )
delete_made_here = @for file in $(1); do \
  if head -n 1 "$$file" 2>/dev/null | grep -qE '$(made_here)'; then rm -f "$$file"; \
  elif [ -e "$$file" ]; then echo "$$file stays: its first line is not of a file that was made here"; \
  fi; done

.PHONY: clean mrproper distclean
clean: ## Delete caches and generated files, but not .config, results or data
	$(call delete_made_here,defconfig config.py)
	@rm -rf .pytest_cache .ruff_cache .hypothesis
	@find lib gpt2 scripts $(wildcard tests) -path '*/__pycache__/*.pyc' -delete
	@find lib gpt2 scripts $(wildcard tests) -name __pycache__ -type d -empty -delete

mrproper distclean: clean ## The same and .config; never results or data
	$(call delete_made_here,.config .config.old)
