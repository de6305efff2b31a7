# What checks deploy/. Each tool has a modfile of its own: none agrees with another's versions of what they share.

# Without service discovery, which a test of rules has no use for: with it, it is several times as large.
PROMTOOL := $(GO) run -tags remove_all_sd -modfile=deploy/prometheus.mod github.com/prometheus/prometheus/cmd/promtool

.PHONY: check-rules
check-rules: ## Test the alerts of deploy/prometheus, and that the dashboard shows what a gateway tells.
	$(PROMTOOL) check rules deploy/prometheus/*.rules.yaml
	$(PROMTOOL) test rules deploy/prometheus/tests/*.yaml
