##@ Configure

override tool := $(run) kconfig

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

# No file stands for one of these, though one may have its name.
defconfig-%: FORCE | $(ready)
	@$(tool).load $(call quote,$*)

%_defconfig: FORCE | $(ready)
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
	@$(tool).diff $(if $(filter A B,$(said)),$(call value_of,A) $(call value_of,B))

## explain-SYMBOL: What an option means, its value, where that came from, what hides it
explain-%: FORCE | $(ready)
	@$(tool).explain $(call quote,$*)

.PHONY: check-defconfigs syncconfig check-config generate-config
check-defconfigs: | $(ready) ## Does every defconfig resolve to what it says?
	@$(tool).check_defconfigs

check-config: test-matrix-dry-run

syncconfig generate-config: config.py

# `.config` is no prerequisite: it may have any name, also one that a pattern above would take for its
# own, and its time says nothing of what is in it (an older one put back). So the tool compares, and
# says what is to be done where there is none.
config.py: FORCE | $(ready)
	@$(run) gen_config

.PHONY: FORCE
FORCE:
