##@ Configure

tool = $(run) kconfig
kconfig_files := $(wildcard Kconfig gpt2/Kconfig* gpt2/*/Kconfig* lib/Kconfig* lib/*/Kconfig* scripts/Kconfig*)

# A name that reaches the shell is quoted, whatever is in it.
quote = '$(subst ','\'',$(1))'

.PHONY: menuconfig nconfig guiconfig xconfig gconfig config oldconfig
menuconfig nconfig: | $(ready) ## Edit .config on the full screen (/ searches, ? explains)
	@$(tool).edit_screen

guiconfig xconfig gconfig: | $(ready) ## Edit .config in a window
	@$(tool).edit_window

config: | $(ready) ## Answer every option, line by line
	@$(tool).ask --all

oldconfig: | $(ready) ## Answer only what is new since .config was made
	@$(tool).ask

.PHONY: olddefconfig savedefconfig listnewconfig helpnewconfig
olddefconfig: | $(ready) ## Take the default for whatever is new
	@$(tool).refresh

## defconfig-NAME[+FRAGMENT...]: Load defconfigs/NAME, then fragments; also NAME_defconfig
## FRAGMENT.config: Add a fragment to the present .config
.PHONY: defconfig list-defconfigs list-all-defconfigs
defconfig: | $(ready)
	@$(tool).list_defconfigs

defconfig-%: | $(ready)
	@$(tool).load $(call quote,$*)

%_defconfig: | $(ready)
	@$(tool).load $(call quote,$*)

%.config: FORCE | $(ready)
	@$(tool).merge $(call quote,$*)

list-all-defconfigs: list-defconfigs
list-defconfigs: | $(ready) ## Every defconfig and fragment, with what it is for
	@$(tool).list_defconfigs

savedefconfig: | $(ready) ## Write ./defconfig: only what differs from the defaults
	@$(tool).save_minimal

listnewconfig: | $(ready) ## Options that .config does not have yet
	@$(tool).list_new

helpnewconfig: | $(ready) ## The same with their help
	@$(tool).list_new --help-texts

.PHONY: alldefconfig allnoconfig allyesconfig allmodconfig randconfig diffconfig
alldefconfig: | $(ready) ## All options at their defaults
	@$(tool).set_all def

allnoconfig: | $(ready) ## As much off as possible
	@$(tool).set_all no

allyesconfig: | $(ready) ## As much on as possible
	@$(tool).set_all yes

allmodconfig: allyesconfig

randconfig: | $(ready) ## A random legal configuration (KCONFIG_SEED=0x... repeats it)
	@$(tool).randomize

diffconfig: | $(ready) ## What changed between .config.old and .config, or A=file B=file
	@$(tool).diff $(if $(A)$(B),$(call quote,$(A)) $(call quote,$(B)))

## explain-SYMBOL: What an option means, its value, where that came from, what hides it
explain-%: | $(ready)
	@$(tool).explain $(call quote,$*)

.PHONY: check-defconfigs syncconfig check-config generate-config
check-defconfigs: | $(ready) ## Does every defconfig resolve to what it says?
	@$(tool).check_defconfigs

check-config: test-matrix-dry-run

syncconfig generate-config: config.py

# Only `.config` and the tree decide what is in it. A missing `.config` is the tool's to explain.
config.py: $(wildcard $(KCONFIG_CONFIG)) $(kconfig_files) | $(ready)
	@$(run) gen_config
	@touch $@

.PHONY: FORCE
FORCE:
