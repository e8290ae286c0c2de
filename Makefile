# Remit. `make` alone lists the targets; README.md tells the story.

.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
PORT ?= 8000
# AS is make's own name for the assembler.
ifeq ($(origin AS),default)
AS := maya@northwind.example
endif
# "pay $50" has a dollar in it, which make would read as a variable of its own.
ifeq ($(origin SAY),command line)
override SAY := $(value SAY)
endif
CHANNEL ?= chat
export PORT AS SAY JSON CHANNEL

.PHONY: help setup demo test test-all test-stripe chat listen verify nlu-report bench bench-events bench-texts bench-calls bench-widget hearing lint format

help: ## List the targets
	@echo 'make TARGET, one of:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install both environments (done by the others when needed)
	@deploy/setup.sh service bot

demo: setup ## Run everything with demo data (PORT=8000, RESET=1 for fresh data; Ctrl-C stops it)
	@exec $(PYTHON) -m remit up --demo --tied $(if $(RESET),--reset)

test: setup ## Run all tests (ARGS="tests/billing -k quote" for some)
	@deploy/setup.sh browser
	@$(PYTHON) -m remit train
	@exec $(PYTHON) -m pytest -n 2 --dist loadscope $(ARGS)

test-all: setup ## Run all tests at the full figures of docs/reliability.md (hours)
	@deploy/setup.sh browser
	@$(PYTHON) -m remit train
	@exec env FULL=1 ACCOUNTS=500 SEEDS=1000 KILLS=200 FORGED_EVENTS=10000 FORGED_TEXTS=10000 SHUFFLED_EVENTS=5000 PERMUTATIONS=all $(PYTHON) -m pytest $(ARGS)

test-stripe: setup ## The contract of the gateways against Stripe's test mode (STRIPE_SECRET_KEY=sk_test_…)
	@exec env CONTRACT_WORLD=stripe-test-mode $(PYTHON) -m pytest tests/contract -k stripe-test-mode -rs $(ARGS)

chat: ## Talk to the running demo (AS=maya@northwind.example SAY="pay my bill|yes" JSON=1; by text CHANNEL=sms SAY="PAY|[code]|1|[pay]", by phone CHANNEL=voice SAY="1|100200|1357|1|1|1")
	@deploy/setup.sh service
	@exec $(PYTHON) -m remit chat

listen: setup ## A call by phone as sound: var/call.wav (needs espeak-ng)
	@$(PYTHON) -m remit train
	@exec $(PYTHON) -m pytest -q -n 0 -rs tests/conversations/test_calls.py -k listened $(ARGS)

verify: ## Check every invariant of the running stack's books
	@deploy/setup.sh service
	@exec $(PYTHON) -m remit verify

nlu-report: setup ## How well it understands, as a page: var/nlu-report.html
	@$(PYTHON) -m remit train
	@bot/.venv/bin/python -m bot report

bench: setup ## Measure against stock Rasa; one JSON document
	@exec $(PYTHON) -m benchmarks $(ARGS)

bench-events: setup ## Signed events beside dj-stripe, a quarter of an hour (ARGS="--seconds 0": no steady stream)
	@exec $(PYTHON) -m benchmarks events $(ARGS)

bench-texts: setup ## Fifty texts a second to the whole stack: how soon each is acknowledged
	@exec $(PYTHON) -m benchmarks texts $(ARGS)

bench-calls: setup ## How soon a caller hears something, by keys and by words
	@exec $(PYTHON) -m benchmarks calls $(ARGS)

bench-widget: ## The chat widget: its weight, how soon one can type, 500 quiet conversations
	@deploy/setup.sh browser
	@exec $(PYTHON) -m benchmarks widget $(ARGS)

hearing: ## Misheard amounts on the phone: what the guard saves and costs (ARGS="--calls 1000")
	@deploy/setup.sh service
	@exec $(PYTHON) -m benchmarks.hearing $(ARGS)

lint: setup ## Style, types, layers, dialogue data
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check --quiet .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports --no-cache
	@bot/.venv/bin/python -m bot train --check

format: ## Put the style right
	@deploy/setup.sh service
	@$(PYTHON) -m ruff check --quiet --fix .
	@$(PYTHON) -m ruff format .
