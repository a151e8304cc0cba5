##@ Report

.PHONY: report summary update-graphs
report: config.py ## Print the scoreboard; write report.html, report.md, summary.csv and figures
	@$(run) report

summary: config.py ## Print the scoreboard only
	@$(run) report --text-only

update-graphs: report

.PHONY: compare
compare: | $(ready) ## Ended runs side by side, here and as a page: RUNS="a b c", or LATEST=3
	@$(run) report.compare $(call passed,runs,RUNS) $(call passed,latest,LATEST)

.PHONY: reference check-reference
reference: config.py ## Publish this matrix in results/reference: TARGET=name
	@$(run) references publish $(call passed,name,TARGET)

check-reference: | $(ready) ## One published run again, its last digit: [TARGET=name RUN=run]
	@$(run) references check $(call passed,name,TARGET) $(call passed,run,RUN)

## TRACKER=a,b make: Compute the runs and send them to tensorboard, wandb, trackio, or none
.PHONY: tensorboard trackio
tensorboard: config.py ## Show the runs in TensorBoard (TENSORBOARD_PORT=6006)
	@$(run) dashboard tensorboard

trackio: config.py ## Show the runs in trackio (TRACKIO_PORT=7860)
	@$(run) dashboard trackio

.PHONY: results-clean
results-clean: | $(ready) ## Delete every run and report; asks first (YES=1 answers)
	@$(run) clean results
