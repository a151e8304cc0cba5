##@ Start here

.PHONY: quickstart
quickstart: setup ## From nothing to a report: install, train a small matrix, compare
	@test -e $(KCONFIG_CONFIG) || $(tool).load quickstart
	+@KCONFIG_CONFIG=defconfigs/quickstart $(run) matrix run

.PHONY: setup
ifeq ($(origin PYTHON),command line)
setup: ## Create .venv with the pinned packages (TORCH_INDEX=url for a ROCm or other build)
	@:
else
setup: $(VENV)/installed
endif

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
