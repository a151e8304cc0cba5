##@ Evaluate

override which_run = --run=$(call value_of,RUN) $(call passed,checkpoint,CHECKPOINT)

.PHONY: sample hellaswag latency export
sample: | $(ready) ## A trained model writes: RUN=run [PROMPT= PROMPT_FILE= COUNT= TOKENS=]
	@$(run) gpt2.sample $(which_run) $(call passed,prompt,PROMPT) \
	  $(call passed,prompt-file,PROMPT_FILE) $(call passed,count,COUNT) \
	  $(call passed,temperature,TEMPERATURE) $(call passed,top-k,TOP_K) \
	  $(call passed,top-p,TOP_P) $(call passed,tokens,TOKENS)

hellaswag: | $(ready) ## Ask a trained model HellaSwag's questions: RUN=run [LIMIT=]
	@$(run) gpt2.hellaswag $(which_run) $(call passed,limit,LIMIT)

latency: | $(ready) ## How fast a trained model reads and writes: RUN=run
	@$(run) gpt2.latency $(which_run)

export: | $(ready) ## Write a model as transformers loads it: RUN=run FORMAT=hf [OUT= CHECKPOINT=]
	@$(run) gpt2.export $(which_run) $(call passed,format,FORMAT) $(call passed,out,OUT)
