##@ Start here

.PHONY: quickstart
quickstart: setup ## From nothing to a report: install, train a small matrix, compare
	@test -e $(KCONFIG_CONFIG) || $(tool).load quickstart
	+@KCONFIG_CONFIG=defconfigs/quickstart $(run) matrix run

# Optional packages come in sets, each with its own requirements file: EXTRAS="data trackers".
comma := ,
extras := $(subst $(comma), ,$(EXTRAS))
known_extras := $(patsubst requirements-%.txt,%,$(wildcard requirements-*.txt))
unknown_extras := $(filter-out $(known_extras),$(extras))

.PHONY: setup
ifneq ($(unknown_extras),)
setup:
	@echo There is no extra named $(call quote,$(unknown_extras)). \
	  'Choose from $(known_extras): make setup EXTRAS="$(filter-out dev,$(known_extras))"' >&2; exit 2
else ifeq ($(origin PYTHON),command line)
setup: ## Create .venv with the pinned packages (EXTRAS="data trackers"; TORCH_INDEX=url for ROCm)
ifneq ($(extras),)
	@echo 'Nothing is installed into an interpreter of your own. This does it:' \
	  '$(PYTHON) -m pip install $(extras:%=-r requirements-%.txt)' >&2; exit 2
else
	@:
endif
else
setup: $(VENV)/installed $(extras:%=$(VENV)/installed-%)
endif

# What is pinned in requirements.txt stays at its pin, or pip says what does not fit.
$(VENV)/installed-%: requirements-%.txt $(VENV)/installed
	@echo "Installing the packages of $< into $(VENV) ..."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $< -c requirements.txt
	@touch $@

$(VENV)/installed: requirements.txt
	@set -e; found=; \
	for python in $(or $(BASE_PYTHON),python3.13 python3.12 python3.11 python3); do \
	  if "$$python" -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	    >/dev/null 2>&1; then found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then echo "No Python 3.11 to 3.13 with venv was found. Install one (on" \
	  "Debian: apt install python3 python3-venv) or name it: make setup BASE_PYTHON=/path/to/python3" \
	  >&2; exit 2; fi; \
	echo "Installing the packages of requirements.txt into $(VENV) (about a minute) ..."; \
	test -x $(VENV)/bin/python || "$$found" -m venv $(VENV); \
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  $(if $(TORCH_INDEX),--index-url "$(TORCH_INDEX)") "$$(grep '^torch==' requirements.txt)"; \
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt; \
	touch $@

# Every other target needs an interpreter and says so; only setup installs.
$(VENV)/bin/python:
	@echo "There is no $(VENV) yet: 'make setup' creates it in about a minute, or use an" \
	  "interpreter that has the packages: make PYTHON=python3 $(MAKECMDGOALS)" >&2; exit 2

.PHONY: doctor
doctor: | $(ready) ## Look at Python, packages, device, disk, data and terminal; say what to mend
	@$(run) doctor
