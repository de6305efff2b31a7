# What checks deploy/. Tools that agree on no version of what they share have modfiles of their own.

# Without service discovery, which a test of rules has no use for: with it, it is several times as large.
PROMTOOL := $(GO) run -tags remove_all_sd -modfile=deploy/tools.mod github.com/prometheus/prometheus/cmd/promtool
KUSTOMIZE := $(GO) tool -modfile=deploy/tools.mod kustomize
ACTIONLINT := $(GO) tool -modfile=deploy/schemas.mod actionlint
KUBECTL_VALIDATE := $(GO) tool -modfile=deploy/schemas.mod kubectl-validate
# These are started by tests, which want the program itself.
PEBBLE := $(GO) tool -modfile=deploy/edge.mod -n pebble
H2SPEC := $(GO) tool -modfile=deploy/edge.mod -n h2spec
GORELEASER := $(GO) tool -modfile=deploy/goreleaser.mod goreleaser

# The folders of the definitions of cert-manager's resources and of those of Prometheus' operator, out of their Go modules.
CERT_MANAGER := github.com/cert-manager/cert-manager
PROMETHEUS_OPERATOR := github.com/prometheus-operator/prometheus-operator
CRDS = $$($(GO) mod download -modfile=deploy/crds.mod $(CERT_MANAGER) $(PROMETHEUS_OPERATOR); \
  $(GO) list -m -modfile=deploy/crds.mod -f '{{.Dir}}/deploy/crds' $(CERT_MANAGER); \
  $(GO) list -m -modfile=deploy/crds.mod -f '{{.Dir}}/example/prometheus-operator-crd' $(PROMETHEUS_OPERATOR))

.PHONY: check-deploy
check-deploy: ## Check what deploy/ has for Kubernetes and systemd, and the workflows.
	@command -v systemd-analyze >/dev/null || echo 'Left out, since there is no systemd-analyze here: the unit of deploy/systemd'
	KUSTOMIZE='$(KUSTOMIZE)' KUBECTL_VALIDATE='$(KUBECTL_VALIDATE)' CRDS="$(CRDS)" ACTIONLINT='$(ACTIONLINT)' \
	SYSTEMD_ANALYZE="$$(command -v systemd-analyze || echo "$${CI:+systemd-analyze}")" \
	  $(GO) test -count=1 ./deploy

.PHONY: check-edge
check-edge: ## Have an ACME CA issue the edge's certificate, and h2spec judge its HTTP/2.
	@pebble="$$($(PEBBLE))"; h2spec="$$($(H2SPEC))"; \
	PEBBLE=$$pebble H2SPEC=$$h2spec $(GO) test -count=1 -v -run 'TestACME|TestH2Spec' ./gateway/edge ./gateway/cmd/intentgate

.PHONY: check-release
check-release: ## Check .goreleaser.yaml, and that two builds of what is committed are one, byte by byte.
	GORELEASER='$(GORELEASER)' $(GO) test -count=1 -run TestGoReleaser ./deploy
	@dir=$$(mktemp -d); trap 'rm -rf '$$dir EXIT; commit=$$(git rev-parse HEAD); \
	for one in here there/below; do \
	  mkdir -p $$dir/$$one; git archive $$commit | tar -x -C $$dir/$$one; \
	  (cd $$dir/$$one; CGO_ENABLED=0 GOCACHE=$$dir/$$one/.cache $(GO) build -trimpath -ldflags='-s -w -buildid=' -o intentgate ./gateway/cmd/intentgate); \
	done; \
	sha256sum $$dir/here/intentgate $$dir/there/below/intentgate; cmp $$dir/here/intentgate $$dir/there/below/intentgate

.PHONY: release
release: ## Publish the tag that is checked out: what the workflow release does.
	$(GORELEASER) release --clean

.PHONY: check-rules
check-rules: ## Test the alerts of deploy/prometheus, and that the dashboard shows what a gateway tells.
	$(PROMTOOL) check rules deploy/prometheus/*.rules.yaml
	$(PROMTOOL) test rules deploy/prometheus/tests/*.yaml
	PROMTOOL='$(PROMTOOL)' $(GO) test -count 1 -run 'TestObserved|TestAlerts' ./gateway/cmd/intentgate

.PHONY: prometheusrule
prometheusrule: ## Make the alerts anew for Prometheus' operator.
	{ printf '%s\n' 'apiVersion: monitoring.coreos.com/v1' 'kind: PrometheusRule' 'metadata: {name: intentgate}' 'spec:'; \
	  sed '/^#/d; s/^/  /' deploy/prometheus/intentgate.rules.yaml; } > deploy/prometheus/prometheusrule.yaml
