# Every target sets up the environment it needs, once, from the locked requirements.

ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell python3.11 -c "" 2>/dev/null && echo python3.11 || echo python3)
endif
VENV ?= .venv
ARGS ?=
UV    = uv==0.13.9

DEV   = $(VENV)-dev
BENCH = $(VENV)-bench

# Part of the stamps' names, so that an environment made with another Python is made anew.
VERSION := $(shell $(PYTHON) -c "import sys; print('%d.%d' % sys.version_info[:2])" 2>/dev/null)
TYPED    = events operators pipeline adapters replay mcp_server $(wildcard examples tests bench soak)
PIP      = python -m pip --disable-pip-version-check --quiet
COMPILE  = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
           --no-emit-index-url --no-header --no-annotate $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help run test check format bench conformance soak lock clean

help:  ## Print this table
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo '  ARGS="..." is passed on (run, test, bench, conformance, soak, lock); PYTHON=python3.12 takes another Python;'
	@echo '  VENV=elsewhere keeps the environments apart.'

run: $(VENV)/.ready-$(VERSION)  ## Start the server
	$(VENV)/bin/mcp-rewind serve $(ARGS)

test: $(DEV)/.ready-$(VERSION)  ## Run the tests on two processes; ARGS="-n 0 -k word" for some of them on one
	$(DEV)/bin/python -m pytest -n 2 $(ARGS)

check: $(DEV)/.ready-$(VERSION)  ## Check style, types and who imports whom
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy $(TYPED)
	$(DEV)/bin/lint-imports --no-logo

format: $(DEV)/.ready-$(VERSION)  ## Format the code and mend what can be mended
	$(DEV)/bin/ruff check --fix-only .
	$(DEV)/bin/ruff format .

bench: $(BENCH)/.ready-$(VERSION)  ## Measure, beside other MCP servers
	$(BENCH)/bin/python -m bench $(ARGS)

conformance: $(DEV)/.ready-$(VERSION) tests/conformance/node_modules/.package-lock.json  ## Run the official conformance suite
	$(DEV)/bin/python -m tests.conformance $(ARGS)

tests/conformance/node_modules/.package-lock.json: tests/conformance/package-lock.json
	cd tests/conformance && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

soak: $(BENCH)/.ready-$(VERSION)  ## Run under load for a while and watch what grows
	$(BENCH)/bin/python -m soak $(ARGS)

lock:  ## Write the locks anew, keeping versions that still fit; ARGS=--upgrade for the newest
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/$(PIP) install $(UV)
	$(VENV)-lock/bin/$(COMPILE) pyproject.toml --group dev --output-file requirements/dev.txt
	$(VENV)-lock/bin/$(COMPILE) pyproject.toml --constraints requirements/dev.txt --output-file requirements/run.txt
	$(VENV)-lock/bin/$(COMPILE) pyproject.toml --group bench --constraints requirements/dev.txt --output-file requirements/bench.txt
	$(VENV)-lock/bin/$(COMPILE) --group build --constraints requirements/dev.txt --output-file requirements/build.txt
	rm -rf $(VENV)-lock
	cp requirements/run.txt requirements-production.txt

clean:  ## Remove the environments and what tools left behind
	rm -rf .venv .venv-* build dist
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call environment,folder,locks): the locked packages, then the project itself, editable.
define environment
$(1)/.locked-$(VERSION): $(2)
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed; name one with make PYTHON=...')"
	@echo "Setting up $(1) with Python $(VERSION); this is done once"
	@$(PYTHON) -m venv --clear $(1)
	@$(1)/bin/$(PIP) install --require-hashes $(addprefix -r ,$(2))
	@touch $$@

$(1)/.ready-$(VERSION): $(1)/.locked-$(VERSION) pyproject.toml
	@$(1)/bin/$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $$@
endef

$(eval $(call environment,$(VENV),requirements/run.txt requirements/build.txt))
$(eval $(call environment,$(DEV),requirements/dev.txt))
$(eval $(call environment,$(BENCH),requirements/bench.txt))
