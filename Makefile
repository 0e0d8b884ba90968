# The developer's interface; `make` alone lists the targets. PYTHON=… names another interpreter.

PYTHON ?=
TESTS ?=
export PYTHON

BIN = .venv/bin
SOURCES = src tests benchmarks scripts

.PHONY: help install run test lint pytest format bench screenshot lock clean

help: ## List the targets (the default)
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

install: ## Make .venv from the hash-pinned lock
	@sh scripts/install.sh main

run: install ## Start everything with a demo crew; PORT=8123 make run moves it
	@exec $(BIN)/banksman dev

test: lint pytest ## Run every check and the whole test suite

lint: ## Check format, style, types, import rules and SQL
	@sh scripts/install.sh test
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/squawk --config .squawk.toml database_migrations_v2.sql

pytest: ## Run the test suite alone, or a part: make pytest TESTS="tests/test_sql.py -x"
	@sh scripts/install.sh test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

format: ## Format the code and mend what ruff can mend
	@sh scripts/install.sh test
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: ## Measure webhooks a second against pywa and a bare server, and the time of a turn (two minutes)
	@sh scripts/install.sh bench
	$(BIN)/python -m benchmarks.ack
	$(BIN)/python -m benchmarks.turn

screenshot: ## Take the README's picture of the simulator again
	@sh scripts/install.sh test
	$(BIN)/python -m scripts.screenshot

lock: ## Resolve requirements/*.txt again, on Python 3.11; UPGRADE=1 takes the newest versions
	@sh scripts/install.sh lock
	@sh scripts/lock.sh

clean: ## Remove .venv and caches; the development database in .banksman stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build src/*.egg-info
	find src tests benchmarks scripts -type d -name __pycache__ -prune -exec rm -rf {} +
