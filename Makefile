# Two commands matter: `make demo` shows Headwater at work, `make test` proves it. Both set up what they need.

PYTHON ?= python3
VENV   := .venv
BIN    := $(abspath $(VENV))/bin
SHELL  := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test servers browser clients stop-servers format lint-rust test-rust wheel-ci install-ci test-python lint-python bench clean

SERVERS := target/servers.env
WITH_SERVERS := set -a; source $(SERVERS); set +a;
CLIENTS := target/clients.env
WITH_CLIENTS := set -a; source $(CLIENTS); set +a;
TESTED := $(abspath target/tested.txt)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# --- demo

DEMO := $(abspath target/demo)

demo: $(VENV)/made ## build and install the wheel, run the example project on DuckDB, show its most important mart
	$(BIN)/pip install -q 'maturin>=1.9.4,<2'
	$(BIN)/maturin build -q --release --out $(DEMO)/wheels
	$(BIN)/pip install -q --force-reinstall --no-deps "$$(ls -t $(DEMO)/wheels/headwater-*.whl | head -1)"
	$(BIN)/pip install -q 'duckdb>=1.4'
	rm -f $(DEMO)/shops.duckdb*
	$(BIN)/python examples/retail/generate_shops.py --duckdb $(DEMO)/shops.duckdb --stores 3
	cd examples/retail && export SHOPS_DUCKDB=$(DEMO)/shops.duckdb \
	  && $(BIN)/headwater build --target-path $(DEMO)/target --log-path $(DEMO)/logs \
	  && $(BIN)/headwater show --quiet --select mart_daily_store_sales --limit 10 \
	       --target-path $(DEMO)/target --log-path $(DEMO)/logs

# --- test

test: ## everything: formats, lints, Rust and Python tests on DuckDB, MariaDB and MySQL, stubs, docs
	@rm -f $(TESTED)
	@$(MAKE) --no-print-directory format lint-rust servers clients test-rust install-ci test-python lint-python
	@echo
	@cat $(TESTED)
	@if [ ! -e target/browser.log ]; then printf '\n%s\n' \
	  '*** THE DOCUMENTATION WAS NOT TESTED IN A BROWSER: Chromium could not be installed. ***'; fi
	@for client in DBT DBT17 AIRFLOW; do if grep -q "^HEADWATER_TEST_$$client=none" $(CLIENTS); then \
	  printf '\n%s\n' '******************************************************************************' \
	    "THE TESTS WITH $$client ITSELF DID NOT RUN: it could not be installed on this machine." \
	    "$$(tail -1 target/$${client,,}.log)" \
	    '******************************************************************************'; fi; done
	@if grep -q '^HEADWATER_TEST_MYSQL=none' $(SERVERS); then \
	  printf '\n%s\n' '******************************************************************************' \
	    'MySQL ITSELF WAS NOT TESTED: it could not be had on this machine.' \
	    "$$(tail -1 target/mysql.log)" 'MariaDB and DuckDB were.' \
	    '******************************************************************************'; fi

servers: ## start MariaDB and MySQL, unless HEADWATER_TEST_MARIADB and HEADWATER_TEST_MYSQL name servers already
	@mkdir -p target
	@mariadb="$${HEADWATER_TEST_MARIADB:-$$(tests/servers.sh start mariadb)}"; \
	if [ -n "$${HEADWATER_TEST_MYSQL:-}" ]; then mysql="$$HEADWATER_TEST_MYSQL"; \
	else mysql="$$(tests/servers.sh start mysql 2>target/mysql.log)" || mysql=none; cat target/mysql.log >&2; fi; \
	printf 'HEADWATER_TEST_MARIADB="%s"\nHEADWATER_TEST_MYSQL=%s\n' "$$mariadb" \
	  "$$([ "$$mysql" = none ] && echo none || printf '"%s"' "$$mysql")" > $(SERVERS)
	@cat $(SERVERS)

browser: ## install Chromium where no browser is, for the tests of the documentation
	@mkdir -p target
	@tests/servers.sh browser >target/browser.log || { rm -f target/browser.log; \
	  echo 'NO BROWSER: the documentation is not tested in one'; }

# dbt and Airflow live in environments of their own: their packages do not go together with ours.
clients: ## install dbt, the older dbt with dbt-mysql, and Airflow, which the tests compare with and run in
	@mkdir -p target
	@: > $(CLIENTS)
	@for client in dbt dbt17 airflow; do \
	  made=".venv-$$client/made" wanted="tests/python/requirements-$$client.txt"; \
	  if [ ! "$$made" -nt "$$wanted" ]; then \
	    { $(PYTHON) -m venv --clear ".venv-$$client" && ".venv-$$client/bin/pip" install -q --no-deps -r "$$wanted" \
	      && touch "$$made"; } > "target/$$client.log" 2>&1 || { cat "target/$$client.log" >&2; }; \
	  fi; \
	  [ "$$made" -nt "$$wanted" ] && python="$(CURDIR)/.venv-$$client/bin/python" || python=none; \
	  printf 'HEADWATER_TEST_%s="%s"\n' "$${client^^}" "$$python" | sed 's/"none"/none/' >> $(CLIENTS); \
	done
	@cat $(CLIENTS)

stop-servers: ## stop the servers that `make servers` started
	tests/servers.sh stop mariadb
	tests/servers.sh stop mysql
	for server in head node1 node2; do tests/servers.sh stop spider-$$server; done

format: ## check the Rust format
	cargo fmt --check

lint-rust: ## clippy, without and with the Python face
	cargo clippy -q --all-targets -- -D warnings
	cargo clippy -q --all-targets --features python -- -D warnings

test-rust: servers ## the Rust tests
	@$(WITH_SERVERS) \
	if cargo nextest --version >/dev/null 2>&1; then run="cargo nextest run --no-fail-fast"; else run="cargo test --no-fail-fast"; fi; \
	$$run 2>&1 | tee target/test-rust.log
	@echo "Rust: $$(grep -E '^ *Summary|^test result' target/test-rust.log | tail -1 | sed 's/^ *//')" >> $(TESTED)

# The wheel that the tests install: optimised, but quick to build.
wheel-ci: $(VENV)/tools
	$(BIN)/maturin build -q --profile ci --out target/wheels

install-ci: wheel-ci ## build and install the wheel that the Python tests use
	@wheel="$$(ls -t target/wheels/headwater-*.whl | head -1)"; \
	[ "$$(stat -c %s "$$wheel")" -le 10485760 ] || { echo "$$wheel is larger than 10 MB"; exit 1; }; \
	$(BIN)/pip install -q --force-reinstall --no-deps "$$wheel"

test-python: servers browser clients $(VENV)/tools ## the Python tests, with the wheel that is installed in the venv
	@$(WITH_SERVERS) $(WITH_CLIENTS) $(BIN)/python -m pytest 2>&1 | tee target/test-python.log
	@echo "Python: $$(tail -1 target/test-python.log)" >> $(TESTED)

lint-python: $(VENV)/tools ## ruff, mypy, and the stubs against the module that is installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest headwater._core

bench: install-ci servers ## speed and memory, as ratios to the databases' own times
	@$(WITH_SERVERS) $(BIN)/python benches/parse.py --command $(BIN)/headwater
	@$(WITH_SERVERS) PATH="$(BIN):$$PATH" $(BIN)/python benches/warehouse.py --mysql "unix:$${HEADWATER_TEST_MARIADB##*socket=}"

$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/tools: $(VENV)/made tests/python/requirements.txt
	$(BIN)/pip install -q -r tests/python/requirements.txt
	@touch $@

clean: ## remove what was built, not the downloaded servers
	rm -rf $(VENV) .venv-dbt .venv-dbt17 .venv-airflow target
