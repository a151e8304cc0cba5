##@ Data

.PHONY: prepare-data prepare-datasets
prepare-data prepare-datasets: config.py ## Prepare the dataset of the configuration (or DATASET=name)
	@$(run) gpt2.prepare_data

.PHONY: data-clean
data-clean: | $(ready) ## Delete prepared datasets and downloads; asks first (YES=1 answers)
	@$(run) clean data
