# Bare `make` prints this list.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
BIN      := bin/orderflow
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -X main.version=$(VERSION)
GOFILES   = $(shell git ls-files --cached --others --exclude-standard '*.go')

# Everyone lints with the same linter. A copy of this version on the PATH or in Go's own
# bin folder is used; otherwise it is built once, into bin/.
LINT_VERSION := 2.15.0
LINT_LOCAL   := bin/golangci-lint-$(LINT_VERSION)

# Flags of `serve` for `make run`, such as ARGS="--step-duration 200ms".
ARGS ?=
# Of `make chaos`: 0 draws a seed; an empty DSN is a new SQLite file, and on a SQL Server a
# database is made. Further flags, such as CHAOS_ARGS="-lease 5s -rate 2".
SEED   ?= 0
FAULTS ?= 200
NODES  ?= 5
DSN    ?=
CHAOS_ARGS ?=
# Tests run with the race detector, which watches this module and the driver, and not SQLite itself: C, translated to Go,
# of which nobody here writes a line, and which would take half of the time. Tests of many packages wait more than they work,
# so that more of them run at once than there are cores. What go vet finds fails the tests of its package.
CORES     := $(shell getconf _NPROCESSORS_ONLN)
UNWATCHED := -gcflags=modernc.org/...=-d=checkptr=0 -gcflags=modernc.org/libc=-race=false -gcflags=modernc.org/sqlite/lib=-race=false
RACE       = GOFLAGS="$$($(GO) env GOFLAGS) $(UNWATCHED)" $(GO) test -race -vet=all -p $$((2 * $(CORES))) -parallel $$((3 * $(CORES)))

# Which benchmarks, for how long.
BENCH     ?= .
BENCHTIME ?= 1s
# Flags of `orderflow bench` for `make bench`, such as BENCH_ARGS="--only throughput".
BENCH_ARGS ?=
# How many nodes the points of `make scale` have, and further flags, such as
# SCALE_ARGS="--from earlier.json --json" or SCALE_ARGS="--dsn sqlserver://...".
SCALE_NODES ?= 1,2,4,8,16,32,64
SCALE_ARGS  ?=

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build and run the whole system on an embedded database (orderflow.db); flags in ARGS
	$(BIN) serve $(ARGS)

.PHONY: build
build: ## Build bin/orderflow
	@mkdir -p bin
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/orderflow

.PHONY: test
test: fmt-check vet-chaos ## Formatting, vet, and every test with the race detector: under 5 minutes on 2 cores
	$(RACE) -timeout 10m ./...

.PHONY: test-all
test-all: fmt-check vet-chaos ## As test, without the cache, and then the suites that take long, in full and without the race detector
	$(RACE) -count=1 -timeout 40m ./...
	ORDERFLOW_TEST_LONG=1 $(GO) test -count=1 -timeout 20m -run TestPubSub ./transport/messaging
	ORDERFLOW_TEST_LONG=1 $(GO) test -count=1 -timeout 20m -run 'TestE2E_Keys|TestE2E_Memory|TestCheck_flips|TestE2E_Upgrade|TestE2E_Surveys|TestBulk_killed' ./cmd/orderflow
	ORDERFLOW_TEST_LONG=1 $(GO) test -count=1 -timeout 10m -run TestOpenAPI_client ./transport/httpapi
	ORDERFLOW_TEST_LONG=1 $(GO) test -count=1 -timeout 10m -run TestExam ./cmd/orderflow/node
	$(GO) test -count=1 -tags chaos ./internal/crashpoint ./schema
	ORDERFLOW_TEST_LONG=1 $(GO) test -count=1 -timeout 10m -p 1 ./internal/chaos/...
	$(GO) run ./internal/chaos/run -faults 200 -gap 1100ms

.PHONY: proof
proof: test-all bench-system ## What the documents' figures come from: test-all, the benchmarks, the exam of the diagnosis, and 2,000 faults; some two hours
	ORDERFLOW_EXAM=448 $(GO) test -count=1 -timeout 20m -run TestExam -v ./cmd/orderflow/node
	$(GO) run ./internal/chaos/run -faults 2000

.PHONY: test-sqlserver
test-sqlserver: ## The tests that use a database, on the SQL Server of ORDERFLOW_TEST_SQLSERVER
	@[[ -n "$${ORDERFLOW_TEST_SQLSERVER:-}" ]] || { \
	  echo 'Set ORDERFLOW_TEST_SQLSERVER=sqlserver://user:password@host (a user that may create databases).' >&2; exit 2; }
	$(GO) test -race -count=1 -timeout 60m -p 1 -parallel 2 ./schema/... ./eventstore/... ./projections/... ./transport/messaging/... ./internal/bench/... ./cmd/orderflow/... ./internal/chaos/run ./deploy ./scripts

.PHONY: chaos
chaos: ## Kill, stop, drain and starve real nodes under load, and judge what is left: SEED=, FAULTS=200, NODES=5, DSN=, CHAOS_ARGS=
	$(GO) run ./internal/chaos/run -seed $(SEED) -faults $(FAULTS) -nodes $(NODES) -dsn '$(DSN)' $(CHAOS_ARGS)

.PHONY: lint
lint: ## golangci-lint, the pinned version
	@lint="$$($(MAKE) --no-print-directory lint-path)"; "$$lint" run ./...

.PHONY: lint-path
lint-path: # Print where the pinned linter is; build it if need be.
	@for l in "$$(command -v golangci-lint || true)" "$$($(GO) env GOPATH)/bin/golangci-lint" $(LINT_LOCAL); do \
	  if [[ -n "$$l" && -x "$$l" ]] && "$$l" version 2>/dev/null | grep -qF 'version $(LINT_VERSION) '; then echo "$$l"; exit 0; fi; \
	done; \
	mkdir -p bin/.lint; \
	echo 'Building golangci-lint $(LINT_VERSION) (once; some minutes) ...' >&2; \
	GOBIN="$$PWD/bin/.lint" $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION) >&2; \
	mv bin/.lint/golangci-lint $(LINT_LOCAL); echo $(LINT_LOCAL)

.PHONY: bench
bench: bench-go bench-system ## Both of the following

.PHONY: bench-go
bench-go: ## Benchmarks of packages; BENCH=regexp and BENCHTIME=1s choose
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem ./...

.PHONY: bench-system
bench-system: build ## Measure the whole system, and the floor that the database sets; flags of `orderflow bench` in BENCH_ARGS
	$(BIN) bench $(BENCH_ARGS)

.PHONY: scale
scale: build ## Measure throughput by nodes and draw it in docs/scale.svg; some 8 minutes; numbers of nodes in SCALE_NODES
	$(BIN) bench --only scale --nodes $(SCALE_NODES) --repeat 1 --svg docs/scale.svg $(SCALE_ARGS)

.PHONY: cover
cover: ## Test coverage by function, and cover.out for `go tool cover -html`
	$(GO) test -coverpkg=./... -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out | tail -n 1

.PHONY: fmt
fmt: ## Format the code
	gofmt -w $(GOFILES)

.PHONY: fmt-check
fmt-check: # Fail if a file is not formatted.
	@unformatted="$$(gofmt -l $(GOFILES))"; [[ -z "$$unformatted" ]] || { \
	  printf 'Not formatted (make fmt mends it):\n%s\n' "$$unformatted" >&2; exit 1; }

.PHONY: vet
vet: vet-chaos # What go vet finds.
	$(GO) vet ./...

.PHONY: vet-chaos
vet-chaos: # What go vet finds in the packages that have files for chaos alone.
	$(GO) vet -tags chaos ./cmd/orderflow/node ./internal/crashpoint ./schema/...

.PHONY: clean
clean: ## Remove what was built (databases stay)
	rm -rf bin cover.out
