SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := help

GO ?= go
MODULE := github.com/otelpool/otelpool-go
STATICCHECK := tool -modfile=$(CURDIR)/internal/tools/go.mod staticcheck

# The modules that users import, then those that only this project needs.
PUBLISHED := . exporters/prometheus exporters/otlp
MODULES := $(PUBLISHED) examples examples/frameworks internal/integration internal/kubernetes internal/bench internal/postgres/fetch internal/collector

# Folders of tests that look beyond their module: those of STACK run the real Collector and Prometheus, those of FAULTS break
# things and take longest.
OUTWARD := internal/integration/e2e internal/integration/dashboard internal/integration/otelpgx internal/integration/poolz internal/kubernetes internal/bench internal/postgres/fetch examples/frameworks
STACK := internal/integration/collectortest internal/integration/prometheus internal/integration/stack
FAULTS := internal/integration/faults internal/integration/hostile

# A package whose tests measure times. It runs alone, and without the race detector.
TIMED := internal/scenarios

# go mod tidy fails for these, because tests of their dependencies need modules that cannot be downloaded.
UNTIDY := internal/collector

# The newest releases that the published modules are tested with. What they need is raised with them.
NEWEST_LIBRARY ?= github.com/jackc/pgx/v5@v5.13.0 go.opentelemetry.io/otel/sdk/metric@v1.47.0
NEWEST_PROMETHEUS ?= github.com/prometheus/client_golang@v1.25.0 github.com/prometheus/common@v0.74.0 go.opentelemetry.io/otel/exporters/prometheus@v0.69.0
NEWEST_OTLP ?= google.golang.org/grpc@v1.85.0 go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc@v1.47.0

# What each package of the library may import besides the standard library: a package and a pattern of imports. `make check`
# fails on any other import of otelpool, diagnose, the catalogue and the packages below otelpool/internal.
define ARROWS
otelpool                       github.com/jackc/pgx/v5(/.*)?
otelpool                       go.opentelemetry.io/otel(/(attribute|codes|metric|trace|semconv)(/.*)?)?
otelpool                       otelpool/internal/(poolstate|instruments|reason|spans|tracerchain|resize|sibling|goroutine)
otelpool                       otelpool/diagnose
otelpool/diagnose              github.com/jackc/pgx/v5(/.*)?
otelpool/diagnose              internal/printable
otelpool/diagnose              otelpool/internal/reason
otelpool/internal/reason       github.com/jackc/pgx/v5(/.*)?
otelpool/internal/resize       otelpool/internal/tracerchain
otelpool/internal/resize       github.com/jackc/pgx/v5(/.*)?
otelpool/internal/tracerchain  github.com/jackc/pgx/v5(/.*)?
otelpool/internal/instruments  internal/(catalogue|sqlname)
otelpool/internal/instruments  go.opentelemetry.io/otel(/(attribute|codes|metric|trace|semconv)(/.*)?)?
otelpool/internal/sibling      github.com/jackc/pgx/v5(/.*)?
otelpool/internal/spans        internal/catalogue
otelpool/internal/spans        otelpool/internal/instruments
otelpool/internal/spans        go.opentelemetry.io/otel(/(attribute|codes|trace|semconv)(/.*)?)?
endef
export ARROWS

# The demo's settings: make demo DURATION=10s ADDR=127.0.0.1:9500
ADDR ?= 127.0.0.1:9464
DURATION ?= 0

# Flags of the load test and other programs.
ARGS ?=

# Show this help.
.PHONY: help
help:
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-18s %s\n", $$1, $$2 }'

# Fetch PostgreSQL's programs for the demo and the tests, if none are installed.
.PHONY: setup
setup:
	@cd internal/postgres/fetch && $(GO) run .

.PHONY: demo
demo: setup ## Run the demo on a throwaway PostgreSQL, or on DATABASE_URL (settings: ADDR, DURATION)
	@mkdir -p .tmp && $(GO) -C examples build -o $(CURDIR)/.tmp/demo ./demo
	@ADDR=$(ADDR) DURATION=$(DURATION) exec .tmp/demo

# Run sqlc, sqlx, GORM, ent, bun, River and goose on instrumented pools (ARGS='-lib gorm -leak').
.PHONY: frameworks
frameworks: setup
	@mkdir -p .tmp && $(GO) -C examples/frameworks build -o $(CURDIR)/.tmp/frameworks .
	@exec .tmp/frameworks -addr $(ADDR) $(ARGS)

.PHONY: loadtest
loadtest: setup ## Put a load on a pool: a built-in one, or your own statements, rate and goal (ARGS=-h)
	@mkdir -p .tmp && $(GO) -C examples build -o $(CURDIR)/.tmp/loadtest ./loadtest
	@exec .tmp/loadtest $(ARGS)

# Build the Collector, Prometheus and the demo, which tests and the stack run (minutes, the first time).
.PHONY: programs
programs:
	@$(GO) run ./internal/programs/build

.PHONY: stack
stack: setup ## Run demo, Collector and Prometheus together, without containers (settings: .tmp/bin/stack -h)
	@mkdir -p .tmp/bin && $(GO) -C internal/integration build -o $(CURDIR)/.tmp/bin/stack ./stack/cmd/stack
	@exec .tmp/bin/stack

# Find out how many instances one Collector and one Prometheus carry (ARGS='-for 7m').
.PHONY: fleet
fleet: setup
	@mkdir -p .tmp/bin && $(GO) -C internal/integration build -o $(CURDIR)/.tmp/bin/fleet ./stack/cmd/fleet
	@exec .tmp/bin/fleet $(ARGS)

# Tests run without vet, because make lint vets them. In a new clone, vet would add a quarter to the time of compiling: it also
# looks at everything that a package imports.
TEST := test -vet=off

# Tests below a folder, with the race detector, one package after the other. They are not cached, because the cache of results
# does not see files outside of a module. Two folders are tested at a time, because their tests mostly wait. The slowest come
# first, so that both halves end at about the same time.
BELOW := $(addprefix below/,$(FAULTS) $(STACK) $(OUTWARD))
.PHONY: $(BELOW)
$(BELOW): below/%: setup programs
	@echo "cd $* && go test -race ./..."
	@cd $* && $(GO) $(TEST) -race -count=1 -p 1 -timeout 20m ./...

.PHONY: test
test: ## Run all tests, with the race detector, against real programs
	@mkdir -p .tmp; start=$$SECONDS; \
	$(MAKE) --no-print-directory test-unit test-32bit test-scenarios; \
	$(MAKE) --no-print-directory -j2 $(BELOW); \
	echo $$(((SECONDS - start) / 60)) >.tmp/test-minutes

.PHONY: test-quick
test-quick: setup ## Run the tests of the library alone, in a minute
	$(GO) test -short ./otelpool/...

# Run the tests of the library, its exporters and examples.
.PHONY: test-unit
test-unit: setup programs
	@for module in $(PUBLISHED) examples; do echo "go -C $$module test -race ./..."; \
		$(GO) -C $$module $(TEST) -race -timeout 20m $$($(GO) -C $$module list ./... | grep -vxF $(MODULE)/$(TIMED)); done

# Check what users link for 32-bit processors (386), and run the tests of the library and its exporters there, with the newest
# versions, so that one run serves both. There is no race detector for 386.
.PHONY: test-32bit
test-32bit: setup
	@for module in $(PUBLISHED); do echo "GOARCH=386 go -C $$module vet ./..."; GOOS=linux GOARCH=386 $(GO) -C $$module vet ./...; done
	@if GOOS=linux GOARCH=386 $(GO) test -run '^$$' ./internal/printable >/dev/null 2>&1; then export GOOS=linux GOARCH=386; \
	else echo "This machine runs no programs for 386: only the newest versions are tested."; fi; \
	$(MAKE) --no-print-directory newest

# Run the tests of the library and its exporters with the lowest versions it allows, and the newest.
.PHONY: test-versions
test-versions: test-lowest test-newest

.PHONY: test-lowest
test-lowest: setup
	$(GO) test -timeout 20m ./otelpool/... ./exporters/direct
	$(GO) -C exporters/prometheus test ./...
	$(GO) -C exporters/otlp test ./...

# Test a module with other versions. These are in a copy of its go.mod, so nothing in the tree changes. With -short, tests that
# repeat something repeat it less.
other-go-mod = -modfile=$(CURDIR)/.tmp/newest.mod
test-with = echo "go -C $(1) test $(3), with $(2)" && cp $(1)/go.mod .tmp/newest.mod && cp $(1)/go.sum .tmp/newest.sum && \
	$(GO) -C $(1) get $(other-go-mod) $(2) && $(GO) -C $(1) mod tidy $(other-go-mod) && $(GO) -C $(1) $(TEST) $(other-go-mod) -short -timeout 20m $(3)

# Run the tests of the library and its exporters with the newest versions (NEWEST_LIBRARY=...).
.PHONY: test-newest
test-newest: setup
	@$(MAKE) --no-print-directory newest

# test-newest without the set-up, which test-32bit must not build for 386.
.PHONY: newest
newest:
	@mkdir -p .tmp
	@$(call test-with,.,$(NEWEST_LIBRARY),./otelpool/... ./exporters/direct)
	@$(call test-with,exporters/prometheus,$(NEWEST_PROMETHEUS),./...)
	@$(call test-with,exporters/otlp,$(NEWEST_OTLP),./...)

# Prove the shipped configurations with the real Collector and Prometheus.
.PHONY: test-stack
test-stack: setup programs
	@$(MAKE) --no-print-directory -j2 $(addprefix below/,$(STACK))

# Break the database, the consumers and the input, and see what becomes of the service.
.PHONY: test-faults
test-faults: setup test-scenarios
	@$(MAKE) --no-print-directory -j2 $(addprefix below/,$(FAULTS))

# Run a service in each trouble, and check what is found. ARGS=-update writes the table of docs/diagnosis.md, and
# ARGS='-run //healthy -healthy 1h -timeout 2h' watches a service that is well.
.PHONY: test-scenarios
test-scenarios: setup
	$(GO) $(TEST) -count=1 -timeout 30m ./$(TIMED) $(ARGS)

# How long each target is fuzzed, and which: make fuzz FUZZTIME=1h FUZZ=FuzzSQL
FUZZTIME ?= 1m
FUZZ ?= ^Fuzz

# Before Go 1.27 a fuzz target sometimes fails when its time is over, because it is over (https://go.dev/issue/75804).
FUZZ_TOOLCHAIN ?= go1.27.4

# A package is compiled once for all of its targets. The folder of what was found is that of go test -fuzz.
.PHONY: fuzz
fuzz: setup ## Fuzz each target for a minute, beyond its committed corpus (FUZZTIME=1h, FUZZ=FuzzSQL)
	@export GOTOOLCHAIN=$(FUZZ_TOOLCHAIN); binary=$$(mktemp); trap 'rm -f "$$binary"' EXIT; \
	for package in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
		$(GO) -C $$package test -c -fuzz . -o "$$binary" . && cd $$package && listed=$$("$$binary" -test.list '$(FUZZ)') || { echo "$${listed:-}"; exit 1; }; \
		for target in $$(grep ^Fuzz <<<"$$listed" || true); do \
			echo "$$package: $$target"; "$$binary" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) \
				-test.fuzzcachedir "$$($(GO) env GOCACHE)/fuzz/$(MODULE)/$$package" || exit 1; done; cd "$(CURDIR)"; done; \
	[ -n "$${target:-}" ] || { echo "no fuzz target is like '$(FUZZ)'"; exit 1; }

# How long make soak runs.
SOAK ?= 10m

.PHONY: soak
soak: setup ## Use every feature for ten minutes and watch the memory (SOAK=1h)
	$(GO) -C internal/integration test -count=1 -run MemoryIsFlatOverSoak -timeout 0 -v ./hostile -soak $(SOAK)

# How often make race repeats.
RACE ?= 100

# Repeat the concurrency tests a hundred times (RACE=1000).
.PHONY: race
race: setup
	$(GO) test -race -run ConcurrentSafe -count=$(RACE) -timeout 30m ./otelpool/...
	$(GO) -C exporters/prometheus test -race -run ConcurrentSafe -count=$(RACE) -timeout 30m ./...
	$(GO) -C exporters/otlp test -race -run ConcurrentSafe -count=$(RACE) -timeout 30m ./...
	$(GO) -C internal/integration test -race -run ConcurrentSafe -count=$(RACE) -timeout 30m ./hostile

.PHONY: bench
bench: setup ## Measure the cost and compare it with the goals: three minutes (ARGS=-full: all tables)
	@$(GO) -C internal/bench run . $(ARGS)

.PHONY: lint
lint: ## Check format, vet and staticcheck
	@built=$$(git grep --text -lF "$$(printf '\177ELF')" || true); if [ -n "$$built" ]; then echo "executables are committed: $$built"; exit 1; fi
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; exit 1; fi
	@for module in $(MODULES); do echo "go -C $$module vet ./..., staticcheck"; $(GO) -C $$module vet ./...; $(GO) -C $$module $(STATICCHECK) ./...; done

.PHONY: vulnerabilities
vulnerabilities: ## Look for known vulnerabilities in what users link, and in the examples
	@for module in $(PUBLISHED) examples examples/frameworks; do $(GO) -C $$module run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...; done

.PHONY: check
check: check-modules check-arrows ## Check each go.mod, what otelpool links, which package imports which, and that hooks cost no more than they did
	@$(GO) -C internal/bench run ./guard

.PHONY: check-modules
check-modules:
	@for module in $(filter-out $(UNTIDY),$(MODULES)); do echo "go -C $$module mod tidy -diff"; $(GO) -C $$module mod tidy -diff; done
	@for module in $(UNTIDY); do $(GO) -C $$module build -mod=readonly -o /dev/null ./...; done
	@linked=$$($(GO) list -deps ./otelpool | grep -E 'go.opentelemetry.io/otel/(sdk|exporters)|google.golang.org/grpc|github.com/prometheus/' || true); \
	if [ -n "$$linked" ]; then echo "otelpool links what its users did not ask for:"; echo "$$linked"; exit 1; fi
	@needed=$$($(GO) list -m all | grep -E 'google.golang.org/(grpc|protobuf)|github.com/prometheus/|/exporters/' || true); \
	if [ -n "$$needed" ]; then echo "go.mod raises what users of otelpool did not ask for:"; echo "$$needed"; exit 1; fi
	@echo "otelpool links $$($(GO) list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{"\n"}}{{end}}{{end}}' ./otelpool | sort -u | grep -c .) modules: no SDK, no gRPC, no Prometheus"

.PHONY: check-arrows
check-arrows:
	@imports=$$($(GO) list -f '{{$$p := .ImportPath}}{{range .Imports}}{{$$p}} {{.}}{{"\n"}}{{end}}' ./otelpool/... ./internal/catalogue); \
	wrong=$$(grep -E '^$(MODULE)/(otelpool(/diagnose|/internal/\S+)?|internal/catalogue) [^/]*\.' <<<"$$imports" | sed 's|$(MODULE)/||g' | grep -vxEf <(tr -s ' ' <<<"$$ARROWS") || true); \
	if [ -n "$$wrong" ]; then echo "these packages may not import those (ARROWS in the Makefile):"; echo "$$wrong"; exit 1; fi

# Print what a maintainer has to carry.
.PHONY: weight
weight:
	@lines() { git ls-files '*.go' | grep -E "$$1" | grep -vE "$$2" | xargs cat | wc -l; }; \
	printf '%7d lines of Go in exporters/otlp without tests\n' $$(lines ^exporters/otlp/ 'test'); \
	printf '%7d lines of Go in internal without tests\n' $$(lines ^internal/ '_test\.go$$'); \
	printf '%7d lines of Go\n' $$(lines . '^$$'); \
	printf '%7d targets in make help\n' $$($(MAKE) -s help | wc -l); \
	printf '%7s minutes of the last make test\n' "$$(cat .tmp/test-minutes 2>/dev/null || echo no)"

.PHONY: generate
generate: ## Update what is generated: parts of the documents and configurations
	$(GO) test ./internal/readme -update
	$(GO) test ./internal/edges -update
	$(GO) -C internal/integration test ./e2e -run GUIDE -update
	$(GO) -C internal/kubernetes test -count=1 ./manifests -update

# Take new pictures of the dashboards (needs Node.js, and half a gigabyte of npm packages).
.PHONY: dashboard-picture
dashboard-picture: setup programs
	$(GO) -C internal/integration run ./dashboard/picture

# Update the JSON schema of Grafana's dashboards (needs npm).
.PHONY: dashboard-schema
dashboard-schema:
	cd internal/integration/dashboard/schema && npm ci --silent --no-audit --no-fund && npm run --silent schema
