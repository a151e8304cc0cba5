"""The *config targets of Make: each module is one thin tool on lib/kconfig.

Run them from the top folder as `python -m scripts.kconfig.NAME`. None is named like a module that
kconfiglib installs (menuconfig, olddefconfig, ...), which it would shadow if run as a file.
"""
