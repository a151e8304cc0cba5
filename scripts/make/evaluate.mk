##@ Evaluate

# What a person wrote, as it is: `$(value)` leaves a dollar in a prompt alone.
given = $(if $(value $(2)),--$(1)=$(call quote,$(value $(2))))
which_run = --run=$(call quote,$(value RUN)) $(call given,checkpoint,CHECKPOINT)

.PHONY: sample hellaswag latency export
sample: | $(ready) ## A trained model writes: RUN=run [PROMPT= COUNT= TEMPERATURE= TOP_K= TOKENS=]
	@$(run) gpt2.sample $(which_run) $(call given,prompt,PROMPT) $(call given,count,COUNT) \
	  $(call given,temperature,TEMPERATURE) $(call given,top-k,TOP_K) \
	  $(call given,top-p,TOP_P) $(call given,tokens,TOKENS)

hellaswag: | $(ready) ## Ask a trained model HellaSwag's questions: RUN=run [LIMIT=]
	@$(run) gpt2.hellaswag $(which_run) $(call given,limit,LIMIT)

latency: | $(ready) ## How fast a trained model reads and writes: RUN=run
	@$(run) gpt2.latency $(which_run)

export: | $(ready) ## Write a model as transformers loads it: RUN=run FORMAT=hf [OUT= CHECKPOINT=]
	@$(run) gpt2.export $(which_run) $(call given,format,FORMAT) $(call given,out,OUT)
