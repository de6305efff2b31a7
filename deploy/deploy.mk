# What checks deploy/. Each tool has a modfile of its own: none agrees with another's versions of what they share.

# Without service discovery, which a test of rules has no use for: with it, it is several times as large.
PROMTOOL := $(GO) run -tags remove_all_sd -modfile=deploy/prometheus.mod github.com/prometheus/prometheus/cmd/promtool

.PHONY: check-rules
check-rules: ## Test the alerts of deploy/prometheus, and that the dashboard shows what a gateway tells.
	$(PROMTOOL) check rules deploy/prometheus/*.rules.yaml
	$(PROMTOOL) test rules deploy/prometheus/tests/*.yaml
	PROMTOOL='$(PROMTOOL)' $(GO) test -count 1 -run 'TestObserved|TestAlerts' ./gateway/cmd/intentgate

.PHONY: prometheusrule
prometheusrule: ## Make the alerts anew for Prometheus' operator.
	{ printf '%s\n' 'apiVersion: monitoring.coreos.com/v1' 'kind: PrometheusRule' 'metadata: {name: intentgate}' 'spec:'; \
	  sed '/^#/d; s/^/  /' deploy/prometheus/intentgate.rules.yaml; } > deploy/prometheus/prometheusrule.yaml
