# make serve         the daemon in the foreground, installed into .venv first
# make test          the whole suite, on the oldest and the newest Python found
# make lint          mypy, ruff, pydoctor
# make conformance   the public MCP conformance suite; ARGS=--report writes docs/conformance.md
# make clients       real MCP clients against a real daemon; ARGS=inspector only that group
# make openai-clients  real clients of OpenAI's API against the daemon's
# make package       installed into a clean environment, and started from there in every way
# make faults        kill -9 under load, damaged indexes, and peers that mean harm
# make docs          the pages that are made from the classes
# make clean         away with everything made here

PYTHON ?= $(shell contrib/build/pythons oldest)
NEWEST ?= $(shell contrib/build/pythons newest)
ENVIRONMENT = setup.cfg pyproject.toml contrib/build/environment

.PHONY: serve test lint conformance clients openai-clients package faults docs clean

serve: .venv/made .build/model
	@exec .venv/bin/twistd --nodaemon --pidfile= mnemo start $(ARGS)

test: .venv/made-test .venv-newest/made-test .build/model
	@.venv/bin/python contrib/build/suite .venv/bin/python \
	    $$(ls .venv-newest/bin/python 2>/dev/null)

lint: .venv/made-test .venv/made-lint
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy mnemo tests contrib
	.venv/bin/pydoctor --quiet

conformance clients: .venv/made-test .build/model
	@PATH="$(CURDIR)/.venv/bin:$$PATH" tests/$@/run $(ARGS)

openai-clients: .venv/made-test
	@PATH="$(CURDIR)/.venv/bin:$$PATH" tests/openai_clients/run $(ARGS)

package: .venv/made .build/model
	@tests/package/run

faults: .venv/made-test .build/model
	.venv/bin/python -m tests.faults.kill
	.venv/bin/python -m tests.faults.hostile

docs: .venv/made
	.venv/bin/python contrib/build/docs.py

clean:
	rm -rf .venv .venv-newest .build build _trial_temp* .hypothesis .mypy_cache .ruff_cache *.egg-info

.venv/made: $(ENVIRONMENT)
	@contrib/build/environment .venv "$(PYTHON)"
	@touch $@

.venv/made-%: .venv/made
	@contrib/build/environment .venv "$(PYTHON)" $*
	@touch $@

# Empty where the oldest Python is the newest as well.
.venv-newest/made-%: .venv/made
	@mkdir -p .venv-newest
	@[ "$(PYTHON)" = "$(NEWEST)" ] || contrib/build/environment .venv-newest "$(NEWEST)" $*
	@touch $@

# The model lies outside, one for all homes; this remembers that it was fetched.
.build/model: .venv/made
	@.venv/bin/mnemo model fetch
	@touch $@
