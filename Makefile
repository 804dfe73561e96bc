# What there is to do with this repository: make, or make help, lists it.

.DEFAULT_GOAL := help
.PHONY: help run test real bench interop mutants foreign fuzz lint

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start zksim; flags in ARGS, as in make run ARGS='--listen 127.0.0.1:0'
	go run ./cmd/zksim $(ARGS)

# The race detector needs a C compiler; without one the tests run all the same.
RACE = $(if $(shell command -v "$$(go env CC)"),-race)

# What mostly waits for real servers, all but a minute of the processor; the rest is tested at the same time.
WAITING = ./proptest:^Test(Control|Counters|Ensemble|Faults|Histories|Members|Quorum|SASL|TLS|Transcripts)$$ \
	./proptest/frames ./realserver

# Under the race detector memory grows with each schedule, so that it sees a tenth of those of the longest tests.
test: export ZKSIM_ZOOKEEPER_VERSIONS ?= all
test: ## vet, and all tests under the race detector; tells which backends ran
	go vet $(RACE) ./...
	go run .ci/report.go -waiting '$(WAITING)' $(RACE) -timeout 30m ./...
	$(if $(RACE),go test -count=1 -run 'ExploreEverything|Innocent|Replays|Thorough' ./proptest)
	@$(if $(RACE),,echo "without the race detector: there is no C compiler")

real: ## fetch a real ZooKeeper into the user's cache, so that make test runs on it too
	go run ./realserver/install $(VERSION)
	go run ./realserver/install exporter

bench: ## compare the speed of zksim with that of a real ZooKeeper
	go run ./cmd/zksim/bench $(ARGS)

interop: ## compare what other people's clients see of zksim and of a real ZooKeeper
	go run ./cmd/zksim/interop $(ARGS)

mutants: ## plant bugs in the simulator, and show which tests catch them; names in ARGS, as in -run watch
	go run ./proptest/mutants $(ARGS)

foreign: ## run locks of other libraries under the explorer; downloads those libraries
	cd proptest/foreign && go test $(ARGS) ./...

FUZZTIME ?= 30s
fuzz: ## run each fuzz test for FUZZTIME (30s)
	@grep -rEo '^func Fuzz\w+' --include='*_test.go' . | while IFS=' :' read -r file _ name; do \
		echo "$$name in $$(dirname $$file)"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x "$$(dirname $$file)" || exit 1; \
	done

lint: ## run golangci-lint; the first time it is built, which takes minutes
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run
