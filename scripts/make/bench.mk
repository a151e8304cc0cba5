##@ Develop

bench_options = $(if $(WRITE),--write $(call quote,$(WRITE))) \
  $(if $(filter command,$(origin DEVICE)),--device $(call quote,$(DEVICE)))

.PHONY: bench bench-optim
bench: | $(ready) ## Compare with a plain loop (TARGET=training,... WRITE=page; FAST=1 tries it)
	@$(run) bench --target $(call quote,$(TARGET)) $(if $(FAST),--fast) $(bench_options)

bench-optim: | $(ready) ## Time the optimizers and pruning (5 minutes; WRITE=docs/benchmarks.md)
	@$(run) bench.optimizers $(bench_options)
