# Everything runs through uv, which is taken from PATH or put into var/uv (deploy/bin/find-uv).
export UV_PROJECT_ENVIRONMENT ?= .venv
export PYTHONUNBUFFERED = 1

DIR ?= var/keys
UV = uv=$$(deploy/bin/find-uv) && unset VIRTUAL_ENV && "$$uv"

.DEFAULT_GOAL := help
.PHONY: help setup demo up test bench chaos screenshots check keys migration events lock clean

help: ## this list
	@echo "Kabinet: make <target>"
	@awk -F ':[^#]*## ' '/^[a-z]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## the packages alone (the other targets do it by themselves)
	@$(UV) sync

demo: setup ## the customer's whole journey on a fresh set of its own; exits 0 if every step held
	@$(UV) run --no-sync python -m deploy.embedded demo

up: setup ## everything, in the foreground; Ctrl-C stops it, its data stays in var/embedded
	@$(UV) run --no-sync python -m deploy.embedded up

test: setup ## the tests, on real servers; ARGS="-k word" chooses
	@$(UV) run --no-sync pytest -n 2 --dist loadfile $(ARGS)

bench: setup ## speed, as ratios to the bare limits of this machine; PARTS="events" chooses
	@$(UV) run --no-sync python -m tests.bench $(PARTS)

chaos: setup ## faults of every kind, one table at the end (an hour and more); ARGS="--times 3" is the short form
	@$(UV) run --no-sync python -m tests.chaos $(ARGS)

screenshots: setup ## docs/images anew: the README's pictures of the pages; needs a Chromium
	@$(UV) run --no-sync python -m tests.browser.screenshots

check: setup ## format, lint, types, import contracts, declared dependencies
	@$(UV) run --no-sync ruff format --check .
	@$(UV) run --no-sync ruff check .
	@$(UV) run --no-sync mypy
	@$(UV) run --no-sync lint-imports
	@$(UV) run --no-sync deptry deploy
	@for member in shared services/*; do $(UV) run --no-sync --directory "$$member" deptry src || exit 1; done

keys: setup ## a new set of keys in var/keys (DIR=folder chooses); never overwrites one
	@$(UV) run --no-sync python -m deploy.keys "$(DIR)"

migration: setup ## the draft of a migration: make migration SERVICE=identity MESSAGE="users may be blocked"
	@$(UV) run --no-sync python -m deploy.migration "$(SERVICE)" "$(MESSAGE)"

events: setup ## what a new event or field needs: its form, its sample, docs/asyncapi.yaml and docs/events.md
	@$(UV) run --no-sync python -m deploy.events

lock: setup ## newest versions of every package, pinned in pyproject.toml
	@$(UV) run --no-sync python -m deploy.lock

clean: ## removes var/embedded; refuses while a set runs in it
	@$${PYTHON:-python3} deploy/embedded/cleaning.py
