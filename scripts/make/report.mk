##@ Report

.PHONY: report summary update-graphs
report: config.py ## Print the scoreboard; write report.html, report.md, summary.csv and figures
	@$(run) report

summary: config.py ## Print the scoreboard only
	@$(run) report --text-only

update-graphs: report

.PHONY: results-clean
results-clean: | $(ready) ## Delete every run and report; asks first (YES=1 answers)
	@$(run) clean results
