# Everything runs through uv, which is taken from PATH or put into var/uv (deploy/bin/find-uv).
export UV_PROJECT_ENVIRONMENT ?= .venv
export PYTHONUNBUFFERED = 1

DIR ?= var/keys
UV = uv=$$(deploy/bin/find-uv) && unset VIRTUAL_ENV && "$$uv"

.DEFAULT_GOAL := help
.PHONY: help setup demo up compose-up test containers bench chaos screenshots dashboards trace check audit sbom licences keys migration events manifests lock clean

help: ## this list
	@echo "Kabinet: make <target>"
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## the packages alone (the other targets do it by themselves)
	@$(UV) sync

demo: setup ## the customer's whole journey on a fresh set of its own; exits 0 if every step held
	@$(UV) run --no-sync python -m deploy.embedded demo

up: setup ## everything, in the foreground; Ctrl-C stops it, its data stays in var/embedded
	@$(UV) run --no-sync python -m deploy.embedded up

compose-up: setup ## docker-compose.yml: keys and secrets into var/compose, images, everything; ENV=deploy/compose/observability.env for more
	@$(UV) run --no-sync python -m deploy.compose.prepare
	@docker compose $(if $(ENV),$(if $(wildcard .env),--env-file .env) --env-file "$(ENV)") up --build --detach
	@echo "The cabinet: http://127.0.0.1:$${KABINET_PORT:-8000}   Letters and SMS: http://127.0.0.1:$${KABINET_MAILBOX_PORT:-8025}   End: docker compose down"

test: setup ## the tests, on real servers; ARGS="-k word" chooses
	@$(UV) run --no-sync pytest -n 2 --dist loadfile $(ARGS)

containers: setup ## docker-compose.yml run for real, some 20 minutes; where no Docker engine answers root gets one started
	@export KABINET_DOCKER=required && $(UV) run --no-sync pytest -p no:randomly tests/containers $(ARGS)
	@cat var/containers/measured.md

bench: setup ## speed, as ratios to the bare limits of this machine; PARTS="events" chooses
	@$(UV) run --no-sync python -m tests.bench $(PARTS)

chaos: setup ## faults of every kind, one table at the end (an hour and more); ARGS="--times 3" is the short form
	@$(UV) run --no-sync python -m tests.chaos $(ARGS)

screenshots: setup ## docs/images anew: the README's pictures of the pages; needs a Chromium
	@$(UV) run --no-sync python -m tests.browser.screenshots

dashboards: setup ## deploy/observability/grafana anew from its dashboards/*.yml
	@$(UV) run --no-sync python -m deploy.observability

trace: setup ## docs/images/trace.svg anew: one real trace, from a button in the cabinet to the SMS
	@$(UV) run --no-sync python -m deploy.observability.trace

check: setup ## format, lint, types, import contracts, dependencies declared, pinned and licensed, nothing secret
	@$(UV) run --no-sync ruff format --check .
	@$(UV) run --no-sync ruff check .
	@$(UV) run --no-sync mypy
	@$(UV) run --no-sync lint-imports
	@$(UV) run --no-sync deptry deploy
	@for member in shared services/*; do $(UV) run --no-sync --directory "$$member" deptry src || exit 1; done
	@$(UV) lock --check --quiet
	@$(UV) run --no-sync python -m deploy.supply pins
	@$(UV) run --no-sync python -m deploy.supply licences
	@$(UV) run --no-sync python -m deploy.supply secrets
	@$(UV) run --no-sync zizmor --quiet --offline --no-config --persona=pedantic .github

audit: setup ## known vulnerabilities of what ships (Error 3: nobody could be asked)
	@$(UV) run --no-sync python -m deploy.supply vulnerabilities

sbom: setup ## what each service's image holds, with licences, as CycloneDX in var/sbom
	@$(UV) run --no-sync python -m deploy.supply write-sbom

licences: setup ## docs/licences.md anew; refuses what must not ship
	@$(UV) run --no-sync python -m deploy.supply write-licences

keys: setup ## a new set of keys in var/keys (DIR=folder chooses); never overwrites one
	@$(UV) run --no-sync python -m deploy.keys "$(DIR)"

migration: setup ## the draft of a migration: make migration SERVICE=identity MESSAGE="users may be blocked"
	@$(UV) run --no-sync python -m deploy.migration "$(SERVICE)" "$(MESSAGE)"

events: setup ## what a new event or field needs: its form, its sample, docs/asyncapi.yaml and docs/events.md
	@$(UV) run --no-sync python -m deploy.events

manifests: setup ## what of deploy/k8s is made from topics.yaml, the services' HEARD, nginx.conf, rules.yml and dashboards
	@$(UV) run --no-sync python -m deploy.k8s

lock: setup ## newest versions of every package, pinned in pyproject.toml
	@$(UV) run --no-sync python -m deploy.lock

clean: ## removes var/embedded; refuses while a set runs in it
	@$${PYTHON:-python3} deploy/embedded/cleaning.py
