# What CI does is `make test`, and `make bench-short` after it; the other targets are its parts and what a developer needs beside it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

GO ?= go
TOOL := $(GO) tool -modfile=tools.mod
# golangci-lint's findings carry the paths of the checkout that they were found in: no other may meet them.
export GOLANGCI_LINT_CACHE := $(CURDIR)/.lint-cache
# A number of executions: Go's fuzzer now and then reports the end of a time as a failure.
FUZZTIME ?= 3000x
# One of how many shares of the fuzz targets and of the mutations has its turn; the commit chooses which.
SHARES ?= 1
SHARE = $(shell git rev-parse HEAD | cksum | cut -d' ' -f1)

include services/python/python.mk
include services/java/java.mk
include deploy/deploy.mk

.PHONY: help
help: ## Show the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

# $(call with,TOOL,LANGUAGE,TARGETS) makes the targets where the tool is there. In CI nothing is left out.
with = @if command -v $(1) >/dev/null; then $(MAKE) --no-print-directory $(3); \
  elif [ -n "$${CI-}" ]; then echo '$(1) is needed for $(2)'; exit 1; \
  else echo 'Left out, since there is no $(1) here: $(3)'; fi

.PHONY: test
test: test-go generated check-rules check-deploy check-edge test-languages ## Pass all tests, of each language whose toolchain is there.

.PHONY: test-go
test-go: need protos lint generated-go go-test test-consumer bench-once ## Pass the tests of the Go code: lint, generated code, go test -race, some fuzzing and mutations, a short soak.
	$(MAKE) --no-print-directory fuzz mutate SHARES=16
	$(MAKE) --no-print-directory soak SOAK=5s # one round of what goes wrong, which takes most of a minute

.PHONY: thorough
thorough: need protos check-release ## Fuzz every target at length, and try all mutations, what make test does some of; check what a release is.
	$(MAKE) --no-print-directory fuzz mutate FUZZTIME=100000x

.PHONY: test-languages
test-languages: # Those whose toolchain is there.
	$(call with,npm,TypeScript,test-typescript)
	$(call with,$(PYTHON),Python,test-python)
	$(call with,$(MVN),Java,test-java)
	$(MAKE) --no-print-directory test-demo

.PHONY: languages
languages: ## Prepare the example services in other languages, of each whose toolchain is there.
	$(call with,npm,TypeScript,typescript)
	$(call with,$(PYTHON),Python,python)
	$(call with,$(MVN),Java,java)

.PHONY: typescript
typescript: node_modules/.package-lock.json protos
	npm run build

.PHONY: test-typescript
test-typescript: typescript build ## Lint, build and test the TypeScript library and its example.
	npm run lint
	npm test
	$(call conform,node services/loyalty/dist/main.js --ledger $$(mktemp -d)/ledger.jsonl)

# $(call conform,COMMAND) judges the service that a command starts by what the gateway relies on: with tokens and a policy, and what could
# be otherwise without them. That of Go is judged by go test.
define conform
$(call judge,$(1) --jwks {jwks} --trust-domain {trust_domain} --issuer {issuer} --forward {forward} --policy {policy})
$(call judge,$(1),--run '^(gateway_believed|caller|direct_call|idempotency)$$')
endef
judge = bin/intentgate conformance --require-probe $(2) --start \
  "$(1) --listen {listen} --cert {cert} --key {key} --ca {ca} --assert {assert} --allow {allow} --probe"

.PHONY: typescript-package
typescript-package: node_modules/.package-lock.json protos ## Build bin/intentgate-service.tgz, the TypeScript library as npm takes it.
	@mkdir -p bin
	npm pack --workspace services/typescript --pack-destination bin
	mv bin/intentgate-service-*.tgz bin/intentgate-service.tgz

# What package-lock.json pins, each by its hash. No package has an install script.
node_modules/.package-lock.json: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: build
build: ## Build bin/intentgate, and bin/orders of the examples.
	$(GO) build -o bin/ ./gateway/cmd/intentgate ./services/orders/cmd/orders

.PHONY: demo
demo: languages ## Run everything on this machine with a throw-away PKI.
	$(GO) run ./gateway/cmd/intentgate demo

.PHONY: test-demo
test-demo: languages ## Play the conversations of the demo and of the examples, of each language whose toolchain is there.
	TEST_DEMO=yes $(GO) test -count 1 -run TestLanguages ./gateway/cmd/intentgate

.PHONY: go-test
go-test: need ## Run the Go tests with the race detector.
	@for proxy in nginx haproxy; do \
	  command -v $$proxy >/dev/null || echo "Left out, since there is no $$proxy here: its recipes of docs/load-balancer.md"; \
	done
	$(GO) test -race ./... ./.ci/soak
	$(GO) test -run TestSieges ./gateway/cmd/intentgate # at full strength, which the race detector does not leave room for
	$(GO) test -run TestAllocations ./gateway # which the race detector adds to

.PHONY: test-consumer
test-consumer: need ## Follow the guide of docs/typed.md in an empty folder, as a team outside of the tree would.
	CONSUMER=1 $(GO) test -count=1 -run TestConsumer ./gateway/cmd/intentgate

.PHONY: fuzz
fuzz: ## Run every fuzz target FUZZTIME (3000x, or 60s).
	@count=0; for file in $$(git ls-files '*_test.go' | xargs grep -l '^func Fuzz'); do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
	    count=$$((count + 1)); [ $$((count % $(SHARES))) -eq $$(($(SHARE) % $(SHARES))) ] || continue; \
	    echo "fuzz $$(dirname $$file) $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x ./$$(dirname $$file) | grep -v '^fuzz: elapsed' ; \
	  done; \
	done

# How long things go wrong around the gateway, in rounds of all of them.
SOAK ?= 5m

.PHONY: soak
soak: ## Run the gateway for SOAK (5m, or 4h) while one thing after the other goes wrong around it.
	$(GO) run ./.ci/soak --for $(SOAK)

.PHONY: mutate
mutate: ## Remove each check in turn, and expect the tests to turn red (MUTATE='token: .*' for some).
	$(GO) run .ci/mutate/*.go -run '$(MUTATE)' -shares $(SHARES) -share $(SHARE)

.PHONY: bench
bench: bench-peers ## Measure what a turn costs, beside others, in less than a quarter of an hour (BENCH='--docs docs' for docs/performance.md).
	$(GO) run ./gateway/bench --plan base $(BENCH)

.PHONY: bench-full
bench-full: bench-peers ## Measure it in all cells, for hours.
	$(GO) run ./gateway/bench --plan full $(BENCH)

.PHONY: bench-short
bench-short: ## Measure it in some cells, in less than a minute, beside what is in docs/performance.json.
	$(GO) run ./gateway/bench --plan short $(addprefix --against ,$(wildcard docs/performance.json)) $(BENCH)

# The peer in Node.js, where that is; it finds the protos.
.PHONY: bench-peers
bench-peers: protos
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(BENCH_NODE)/node_modules/.package-lock.json; fi

BENCH_NODE := gateway/bench/node
$(BENCH_NODE)/node_modules/.package-lock.json: $(BENCH_NODE)/package-lock.json
	npm ci --prefix $(BENCH_NODE) --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: microbench
microbench: ## Run the benchmarks of Go.
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-once
bench-once: ## Run every benchmark once, so that they keep working.
	$(GO) test -run '^$$' -bench . -benchtime 1x ./... | grep -v 'no test files'

.PHONY: lint
lint: protos ## Lint the Go code and the protos.
	$(TOOL) buf format proto --diff --exit-code
	$(TOOL) buf lint
	$(TOOL) golangci-lint run ./... ./.ci/soak

.PHONY: fmt
fmt: protos ## Format the Go code and the protos.
	$(TOOL) buf format proto --write
	$(TOOL) golangci-lint fmt

.PHONY: breaking
breaking: protos ## Compare the protos with AGAINST (HEAD~1): what would break users?
	@rm -rf .against && mkdir .against && git archive $(or $(AGAINST),HEAD~1) proto buf.yaml | tar -x -C .against && cp -r .protos .against
	$(TOOL) buf breaking --against .against

.PHONY: generate
generate: generate-go ## Generate gen/ from proto/.
	$(call with,npm,TypeScript,generate-typescript)
	$(call with,$(PYTHON),Python,generate-python)

.PHONY: generate-go
generate-go: protos ## Generate what Go needs of gen/, for those without the other toolchains.
	$(TOOL) buf generate
	$(TOOL) buf generate proto --template proto/openapi.gen.yaml --path proto/intentgate/gateway/v1/admin_service.proto
	$(CONFIGURATION)
	$(TEST_DESCRIPTORS) -o $(BINDING)/descriptors.binpb

# The JSON Schema of the configuration, and docs/configuration.md.
CONFIGURATION = $(TOOL) buf generate proto --template proto/configuration.gen.yaml --path proto/intentgate/gateway/v1/config.proto

.PHONY: generate-typescript
generate-typescript: node_modules/.package-lock.json protos
	$(TOOL) buf generate --template services/typescript/buf.gen.yaml

# The protos that the tests of gateway/binding are played with. They are no module of buf.yaml: nobody else's.
BINDING := gateway/binding/testdata
TEST_DESCRIPTORS = $(TOOL) buf build $(BINDING) --as-file-descriptor-set --exclude-source-info --config \
  '{"version": "v2", "modules": [{"path": "proto"}, {"path": ".protos"}, {"path": "$(BINDING)"}]}'

.PHONY: generated
generated: generated-go ## Prove that gen/ is what proto/ generates.
	$(call with,npm,TypeScript,generated-typescript)
	$(call with,$(PYTHON),Python,generated-python)

.PHONY: generated-go
generated-go: protos
	@rm -rf .generated && mkdir -p .generated
	$(TEST_DESCRIPTORS) -o .generated/descriptors.binpb
	cmp .generated/descriptors.binpb $(BINDING)/descriptors.binpb || { echo '$(BINDING) is stale: run make generate and commit the result'; exit 1; }
	$(TOOL) buf generate -o .generated
	$(TOOL) buf generate proto --template proto/openapi.gen.yaml --path proto/intentgate/gateway/v1/admin_service.proto -o .generated
	$(call same,go)
	$(call same,openapi)
	$(CONFIGURATION) -o .generated
	$(call same,jsonschema)
	cmp docs/configuration.md .generated/docs/configuration.md || { echo 'docs/configuration.md is stale: run make generate and commit the result'; exit 1; }

.PHONY: generated-typescript
generated-typescript: node_modules/.package-lock.json
	$(TOOL) buf generate --template services/typescript/buf.gen.yaml -o .generated
	$(call same,typescript)

same = diff -r gen/$(1) .generated/gen/$(1) || { echo 'gen/$(1) is stale: run make generate and commit the result'; exit 1; }

# Google's and buf's protos, which ours import: written out from the Go modules that tools.mod pins.
.PHONY: protos
protos: .protos/.from-tools.mod
.protos/.from-tools.mod: tools.mod proto/export.go
	$(GO) run -modfile=tools.mod proto/export.go .protos
	@touch $@

# The end-to-end tests call the gateway with other people's TLS clients.
.PHONY: need
need:
	@for tool in curl openssl git gcc; do \
	  command -v $$tool >/dev/null || { echo "$$tool is needed by the tests: install it with your package manager, e.g. apt-get install $$tool"; exit 1; }; \
	done
