# bitterbench. `make help` lists the targets; each file of scripts/make adds its own.
#
# PYTHON=python3 uses an interpreter that already has the packages, and creates nothing.
# NAME=value for any option of the configuration (MAX_ITERS=200) applies to this command alone.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
.SUFFIXES:

VENV := .venv
ifeq ($(origin PYTHON),command line)
  ready :=
else
  PYTHON := $(VENV)/bin/python
  ready := $(PYTHON)
endif

# Every tool goes through one door, which turns what is missing into a sentence.
run := $(PYTHON) -m scripts

# Variables that are no options of the configuration.
tool_variables := PYTHON BASE_PYTHON TORCH_INDEX EXTRAS TARGET YES FAST LAUNCHER MATRIX A B CHECK \
  WRITE KCONFIG_%
# These belong to a few targets; elsewhere they are mistakes, and are told so.
ifneq ($(filter sample hellaswag latency export check-reference,$(MAKECMDGOALS)),)
  tool_variables += RUN CHECKPOINT PROMPT COUNT TEMPERATURE TOP_K TOP_P TOKENS LIMIT FORMAT OUT
endif
ifneq ($(filter compare,$(MAKECMDGOALS)),)
  tool_variables += RUNS LATEST
endif

# Only what stands on the command line is an option: an exported MODEL or DEVICE must not change a
# run. Make hands these variables to every command in the environment; here are their names.
# TRACKER may stand before `make` as well: it changes no run.
override BITTERBENCH_OVERRIDES := $(strip $(filter-out $(tool_variables) BITTERBENCH_OVERRIDES,\
  $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))) \
  $(if $(filter environment,$(origin TRACKER)),$(if $(TRACKER),TRACKER)))
export BITTERBENCH_OVERRIDES
export LAUNCHER

KCONFIG_CONFIG ?= .config
export KCONFIG_CONFIG

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
	@awk -f scripts/make/help.awk $(MAKEFILE_LIST)
