SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := help

GO ?= go
STATICCHECK := $(GO) tool -modfile=internal/tools/go.mod staticcheck

# Modules of their own, so that what they need stays out of the library's go.mod.
NESTED := internal/e2e internal/peers internal/postgres/fetch

# The demo's settings: make demo DURATION=10s ADDR=127.0.0.1:9500
ADDR ?= 127.0.0.1:9464
DURATION ?= 0

# Flags of the load test.
ARGS ?=

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: all
all: lint test check ## Everything a commit must pass

.PHONY: setup
setup: ## Bring what demo and tests need: PostgreSQL's binaries, if there are none
	@cd internal/postgres/fetch && $(GO) run .

.PHONY: demo
demo: setup ## Run the demo on a throwaway PostgreSQL, or on DATABASE_URL (settings: ADDR, DURATION)
	@mkdir -p .tmp && $(GO) build -o .tmp/demo ./examples/demo
	@ADDR=$(ADDR) DURATION=$(DURATION) exec .tmp/demo

.PHONY: loadtest
loadtest: setup ## Run the stress test: 100 callers on 5 connections and 10 more (ARGS='-preset production')
	$(GO) run ./examples/loadtest $(ARGS)

.PHONY: test
test: setup ## Run all tests, with the race detector, against a real PostgreSQL
	$(GO) test -race ./...
	@for module in $(NESTED); do echo "cd $$module && go test -race ./..."; (cd $$module && $(GO) test -race ./...); done

.PHONY: race
race: setup ## Repeat the concurrency tests a hundred times
	$(GO) test -race -run ConcurrentSafe -count=100 ./otelpool/... ./exporters/...

.PHONY: bench
bench: setup ## Run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./otelpool/... ./exporters/... ./internal/...

.PHONY: lint
lint: ## Check format, vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...
	@for module in $(NESTED); do (cd $$module && $(GO) vet ./... && $(GO) tool -modfile=$(CURDIR)/internal/tools/go.mod staticcheck ./...); done

.PHONY: check
check: ## Check that go.mod is tidy and that otelpool alone links no SDK, gRPC or Prometheus
	$(GO) mod tidy -diff
	@for module in $(NESTED); do (cd $$module && $(GO) mod tidy -diff); done
	@linked=$$($(GO) list -deps ./otelpool | grep -E 'go.opentelemetry.io/otel/(sdk|exporters)|google.golang.org/grpc|github.com/prometheus/' || true); \
	if [ -n "$$linked" ]; then echo "otelpool links what its users did not ask for:"; echo "$$linked"; exit 1; fi
	@echo "otelpool links $$($(GO) list -deps -f '{{with .Module}}{{.Path}}{{end}}' ./otelpool | sort -u | wc -l) modules: no SDK, no gRPC, no Prometheus"

.PHONY: generate
generate: ## Write the generated parts of the README anew
	$(GO) test ./internal/readme -update
	$(GO) -C internal/e2e test -run README -update .
