##@ Start here

.PHONY: quickstart
quickstart: setup ## From nothing to a report: install, train a small matrix, compare
	@test -e "$$KCONFIG_CONFIG" || $(tool).load quickstart
	+@KCONFIG_CONFIG=defconfigs/quickstart $(run) matrix run

# Optional packages come in sets, each with its own requirements file: EXTRAS="data trackers".
override comma := ,
override extras := $(subst $(comma), ,$(if $(filter EXTRAS,$(said)),$(value EXTRAS)))
override known_extras := $(patsubst requirements-%.txt,%,$(wildcard requirements-*.txt))
override unknown_extras := $(filter-out $(known_extras),$(extras))

.PHONY: setup
ifneq ($(unknown_extras),)
setup:
	@echo There is no extra named $(call quote,$(unknown_extras)). \
	  'Choose from $(known_extras): make setup EXTRAS="$(filter-out dev,$(known_extras))"' >&2; exit 2
else ifeq ($(origin PYTHON),command line)
setup: ## Create .venv with the pinned packages (EXTRAS="data trackers"; TORCH_INDEX=url for ROCm)
ifneq ($(extras),)
	@echo 'Nothing is installed into an interpreter of your own. This does it:' \
	  $(call quote,$(value PYTHON))' -m pip install $(extras:%=-r requirements-%.txt)' >&2; exit 2
else
	@:
endif
else
setup: $(VENV)/installed $(extras:%=$(VENV)/installed-%)
endif

# What is pinned in requirements.txt stays at its pin, or pip says what does not fit. Each stamp holds
# what was installed: a newer time of a file, or `make -B`, is no reason to install it again.
$(VENV)/installed-%: requirements-%.txt $(VENV)/installed
	@if cat $< requirements.txt | cmp -s - $@; then touch $@; exit 0; fi; \
	echo "Installing the packages of $< into $(VENV) ..."; \
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $< -c requirements.txt && \
	cat $< requirements.txt > $@

$(VENV)/installed: requirements.txt
	@if cmp -s $< $@; then touch $@; exit 0; fi; \
	set -e; found=; \
	set -- python3.13 python3.12 python3.11 python3; \
	if [ -n $(call value_of,BASE_PYTHON) ]; then set -- $(call value_of,BASE_PYTHON); fi; \
	for python; do \
	  if "$$python" -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	    >/dev/null 2>&1; then found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then echo "No Python 3.11 to 3.13 with venv was found. Install one (on" \
	  "Debian: apt install python3 python3-venv) or name it: make setup BASE_PYTHON=/path/to/python3" \
	  >&2; exit 2; fi; \
	echo "Installing the packages of requirements.txt into $(VENV) (about a minute) ..."; \
	test -x $(VENV)/bin/python || "$$found" -m venv $(VENV); \
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  $(call passed,index-url,TORCH_INDEX) "$$(grep '^torch==' requirements.txt)"; \
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt; \
	cat $< > $@

# Every other target needs an interpreter and says so; only setup installs. The question is asked
# again for `make -B`, which comes here though the file is there.
$(VENV)/bin/python:
	@test -x $@ || { echo "There is no $(VENV) yet: 'make setup' creates it in about a minute, or" \
	  "use an interpreter that has the packages: make PYTHON=python3" $(call quote,$(MAKECMDGOALS)) \
	  >&2; exit 2; }

.PHONY: doctor
doctor: | $(ready) ## Look at Python, packages, device, disk, data and terminal; say what to mend
	@$(run) doctor
