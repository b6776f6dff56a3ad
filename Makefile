SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := help

GO ?= go
STATICCHECK := $(GO) tool -modfile=internal/tools/go.mod staticcheck

# Modules of their own, so that what they need stays out of the library's go.mod.
MODULES := internal/integration internal/bench internal/postgres/fetch internal/collector

# Folders of tests by what they need: those of STACK run the real Collector and Prometheus, those of FAULTS break things.
NESTED := internal/integration/e2e internal/integration/dashboard internal/bench internal/postgres/fetch
STACK := internal/integration/collectortest internal/integration/prometheus internal/integration/stack
FAULTS := internal/integration/faults internal/integration/hostile

# These cannot be tidied: tests of their dependencies need modules that are nowhere.
UNTIDY := internal/collector

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

.PHONY: programs
programs: ## Build the Collector and Prometheus that tests and the stack run (minutes, the first time)
	@$(GO) run ./internal/programs/build

.PHONY: stack
stack: setup ## Run demo, Collector and Prometheus together, without containers (settings: collector-config/README.md)
	@mkdir -p .tmp/bin && $(GO) -C internal/integration build -o $(CURDIR)/.tmp/bin/stack ./stack/cmd/stack
	@exec .tmp/bin/stack

.PHONY: fleet
fleet: setup ## Find out how many instances one Collector and one Prometheus carry (ARGS='-for 7m')
	@mkdir -p .tmp/bin && $(GO) -C internal/integration build -o $(CURDIR)/.tmp/bin/fleet ./stack/cmd/fleet
	@exec .tmp/bin/fleet $(ARGS)

# Tests below a folder, with the race detector, one package after the other. Files outside of a module are not seen by the
# cache of results.
test-below = echo "cd $(1) && go test -race ./..." && cd $(1) && $(GO) test -race -count=1 -p 1 -timeout 20m ./...

.PHONY: test
test: test-unit test-stack test-faults ## Run all tests, with the race detector, against real programs

.PHONY: test-unit
test-unit: setup programs ## Run the tests of the library, its exporters and examples
	$(GO) test -race -timeout 20m ./...
	@$(foreach module,$(NESTED),($(call test-below,$(module))) &&) true

.PHONY: test-stack
test-stack: setup programs ## Prove the shipped configurations with the real Collector and Prometheus
	@$(foreach module,$(STACK),($(call test-below,$(module))) &&) true

.PHONY: test-faults
# Faults are timed on a machine whose other load is not known. A folder that fails is run once more, and has to pass then.
test-faults: setup ## Break the database, the consumers and the input, and see what becomes of the service
	@$(foreach module,$(FAULTS),{ ($(call test-below,$(module))) || (echo "once more:" && $(call test-below,$(module))); } &&) true

# How long each target is fuzzed, and which: make fuzz FUZZTIME=1h FUZZ=FuzzSQL
FUZZTIME ?= 1m
FUZZ ?= ^Fuzz

# Before Go 1.27 the engine fails now and then when its time is over, of the time being over (https://go.dev/issue/75804).
FUZZ_TOOLCHAIN ?= go1.27.4

.PHONY: fuzz
fuzz: setup ## Fuzz each target for a minute, beyond its committed corpus (FUZZTIME=1h, FUZZ=FuzzSQL)
	@export GOTOOLCHAIN=$(FUZZ_TOOLCHAIN); \
	for module in internal/sqlname internal/integration/hostile; do \
		listed=$$($(GO) -C $$module test -list '$(FUZZ)' .) || { echo "$$listed"; exit 1; }; \
		for target in $$(grep ^Fuzz <<<"$$listed" || true); do \
			echo "$$module: $$target"; $(GO) -C $$module test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) . || exit 1; done; done; \
	[ -n "$${target:-}" ] || { echo "no fuzz target is like '$(FUZZ)'"; exit 1; }

# How long make soak runs.
SOAK ?= 10m

.PHONY: soak
soak: setup ## Use every feature for ten minutes and watch the memory (SOAK=1h)
	$(GO) -C internal/integration test -count=1 -run MemoryIsFlatOverASoak -timeout 0 -v ./hostile -soak $(SOAK)

.PHONY: race
race: setup ## Repeat the concurrency tests a hundred times
	$(GO) test -race -run ConcurrentSafe -count=100 -timeout 30m ./otelpool/... ./exporters/...
	$(GO) -C internal/integration test -race -run ConcurrentSafe -count=100 -timeout 30m ./hostile

.PHONY: bench
bench: setup ## Measure what it costs, beside the peers, as Markdown: some eight minutes (ARGS=-quick: one)
	@$(GO) -C internal/bench run . $(ARGS)

.PHONY: lint
lint: ## Check format, vet and staticcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...
	@for module in $(MODULES); do (cd $$module && $(GO) vet ./... && $(GO) tool -modfile=$(CURDIR)/internal/tools/go.mod staticcheck ./...) || exit 1; done

.PHONY: check
check: ## Check that go.mod is tidy, that otelpool alone links no SDK, gRPC or Prometheus, and that hooks cost no more than they did
	$(GO) mod tidy -diff
	@for module in $(filter-out $(UNTIDY),$(MODULES)); do (cd $$module && $(GO) mod tidy -diff); done
	@for module in $(UNTIDY); do (cd $$module && $(GO) build -mod=readonly -o /dev/null ./...); done
	@linked=$$($(GO) list -deps ./otelpool | grep -E 'go.opentelemetry.io/otel/(sdk|exporters)|google.golang.org/grpc|github.com/prometheus/' || true); \
	if [ -n "$$linked" ]; then echo "otelpool links what its users did not ask for:"; echo "$$linked"; exit 1; fi
	@echo "otelpool links $$($(GO) list -deps -f '{{with .Module}}{{.Path}}{{end}}' ./otelpool | sort -u | wc -l) modules: no SDK, no gRPC, no Prometheus"
	@$(GO) -C internal/bench run ./guard

.PHONY: generate
generate: ## Write anew what is generated: parts of the README, of the configurations, and the dashboards
	$(GO) test ./internal/readme -update
	$(GO) test ./internal/edges -update
	$(GO) -C internal/integration test ./dashboard -run Committed -update
	$(GO) -C internal/integration test ./e2e -run 'README|GUIDE' -update

.PHONY: dashboard-picture
dashboard-picture: setup programs ## Take the pictures of the dashboards anew (needs Node.js, and half a gigabyte of npm packages)
	$(GO) -C internal/integration run ./dashboard/picture

.PHONY: dashboard-schema
dashboard-schema: ## Make the JSON schema of Grafana's dashboards anew (needs npm)
	cd internal/integration/dashboard/schema && npm ci --silent --no-audit --no-fund && npm run --silent schema
