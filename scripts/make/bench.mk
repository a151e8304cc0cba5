##@ Develop

.PHONY: bench-optim
bench-optim: | $(ready) ## Time the optimizers and pruning (5 minutes; WRITE=docs/benchmarks.md)
	@$(run) bench.optimizers $(if $(WRITE),--write $(call quote,$(WRITE))) \
	  $(if $(filter command,$(origin DEVICE)),--device $(call quote,$(DEVICE)))
