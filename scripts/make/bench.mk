##@ Develop

override bench_options = $(call passed,write,WRITE) $(call passed,device,DEVICE)

.PHONY: bench bench-optim
bench: | $(ready) ## Compare with a plain loop (TARGET=training,... WRITE=page; FAST=1 tries it)
	@$(run) bench $(call passed,target,TARGET) $(if $(filter FAST,$(said)),--fast) $(bench_options)

bench-optim: | $(ready) ## Time the optimizers and pruning (5 minutes; WRITE=docs/benchmarks.md)
	@$(run) bench.optimizers $(bench_options)
