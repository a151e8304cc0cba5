# bitterbench. `make help` lists the targets; each file of scripts/make adds its own.
#
# PYTHON=python3 uses an interpreter that already has the packages, and creates nothing.
# NAME=value for any option of the configuration (MAX_ITERS=200) applies to this command alone.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
.SUFFIXES:

# A word for the shell, whatever is in it.
override quote = '$(subst ','\'',$(1))'

# What stands on the command line. `override`, here and below: no variable of the environment and no
# word of the command line takes the place of a variable of ours.
override said := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))

override VENV := .venv
ifeq ($(origin PYTHON),command line)
  override ready :=
  # Quoted for the shell, which still finds the home folder of `~/`.
  override python := $(subst 'begin:~/,~/',$(call quote,begin:$(value PYTHON)))
  override python := $(subst 'begin:,',$(python))
else
  override ready := $(VENV)/bin/python
  override python := $(ready)
endif

# Every tool goes through one door, which turns what is missing into a sentence.
override run := $(python) -m scripts

# Variables that are no options of the configuration.
override tool_variables := PYTHON BASE_PYTHON TORCH_INDEX EXTRAS TARGET YES FAST LAUNCHER MATRIX A B \
  CHECK WRITE KCONFIG_%
# These belong to a few targets; elsewhere they are mistakes, and are told so.
ifneq ($(filter sample hellaswag latency export check-reference,$(MAKECMDGOALS)),)
  override tool_variables += RUN CHECKPOINT PROMPT PROMPT_FILE COUNT TEMPERATURE TOP_K TOP_P TOKENS \
    LIMIT FORMAT OUT
endif
ifneq ($(filter compare,$(MAKECMDGOALS)),)
  override tool_variables += RUNS LATEST
endif

# Only what stands on the command line is an option: an exported MODEL or DEVICE must not change a
# run. TRACKER may stand before `make` as well: it changes no run.
override options := $(strip $(filter-out $(tool_variables),$(said)) \
  $(if $(filter environment,$(origin TRACKER)),$(if $(value TRACKER),TRACKER)))

# A value travels in the environment, under a name that nobody else uses, exactly as it was written:
# `$(value)` leaves its dollars alone, and no recipe has it in its text, where Make or the shell
# would read it. What an outer make has left there is not of this command.
unexport $(filter BITTERBENCH_GIVEN_%,$(.VARIABLES))
define hand_on
override BITTERBENCH_GIVEN_$(1) := $$(value $(1))
export BITTERBENCH_GIVEN_$(1)
endef
$(foreach name,$(sort $(said) $(options)),$(eval $(call hand_on,$(name))))
override BITTERBENCH_OVERRIDES := $(options)
override BITTERBENCH_MAKE := $(MAKE)
export BITTERBENCH_OVERRIDES BITTERBENCH_MAKE

# For the recipes: `--option=value` where NAME was said, and the value itself.
override passed = $${BITTERBENCH_GIVEN_$(2)+--$(1)="$$BITTERBENCH_GIVEN_$(2)"}
override value_of = "$$BITTERBENCH_GIVEN_$(1)"

# Under their own names these alone go on: what people export has the same effect.
override KCONFIG_CONFIG := $(or $(value KCONFIG_CONFIG),.config)
export KCONFIG_CONFIG
$(foreach name,$(filter YES KCONFIG_%,$(said)),$(eval override $(name) := $$(value $(name))))
# `override` takes the mark of the command line, and with it the export, from a variable.
export $(filter YES KCONFIG_%,$(said))
unexport $(filter-out YES KCONFIG_%,$(said))

# An interpreter that strips docstrings, finds no module in this folder, ends at a warning or stays
# at the end is not what the tools are written for (also in gpt2/entry.py). Files and names are in
# UTF-8 wherever this runs.
unexport PYTHONINSPECT PYTHONOPTIMIZE PYTHONSAFEPATH PYTHONWARNINGS
override PYTHONUTF8 := 1
export PYTHONUTF8

include scripts/make/setup.mk
include scripts/make/config.mk
include scripts/make/run.mk
include scripts/make/data.mk
include scripts/make/evaluate.mk
include scripts/make/report.mk
include scripts/make/develop.mk
include scripts/make/bench.mk

##@ Help

.PHONY: help
help: ## This list
	@exec 3>&1; size=$$(stty size <&3 2>/dev/null); \
	awk -v columns="$${size#* }" -f scripts/make/help.awk $(MAKEFILE_LIST)
