# What one can do here. The first two are all that a newcomer needs.
.PHONY: run test lint format bench room migration vectors assets setup setup-test
.DEFAULT_GOAL := run

PY := .venv/bin/python
SCRIPTS := static/js static/css static/py 'scripts/**/*.mjs' 'tests/**/*.{js,mjs}' eslint.config.mjs

run: setup ## Start Balon on http://localhost:8000 (PORT=… for another port)
	@exec $(PY) -m scripts.run

test: setup-test ## Every test, browser tests included
	@$(PY) -m scripts.test $(ARGS)

lint: setup-test ## Style, types, import rules, of Python and JavaScript
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@PYTHONPATH=static/py .venv/bin/lint-imports
	@$(PY) -m scripts.nodejs node node_modules/eslint/bin/eslint.js .
	@$(PY) -m scripts.nodejs node node_modules/prettier/bin/prettier.cjs --check --log-level warn $(SCRIPTS)

format: setup-test ## Rewrite the sources in their one style
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .
	@$(PY) -m scripts.nodejs node node_modules/prettier/bin/prettier.cjs --write --log-level warn $(SCRIPTS)

bench: setup-test ## Measurements, each against a baseline in the same run
	@$(PY) scripts/bench/run.py $(ARGS)

room: setup-test ## Twenty people write in one room while the server restarts; all end with the same history
	@PYTHONPATH=static/py $(PY) -m tests.load.room $(ARGS)

migration: setup-test ## 12 000 messages from plaintext to ciphertext, through kills of tab, server and database connections
	@PYTHONPATH=static/py $(PY) -m tests.load.migration $(ARGS)

vectors: setup-test ## The known answers of the protocol alone
	@$(PY) -m pytest tests/protocol $(ARGS)

assets: setup
setup:
	@python3 scripts/setup.py
setup-test:
	@python3 scripts/setup.py --test
