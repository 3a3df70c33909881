# The targets that people type; each sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PROTOS := $(wildcard proto/nasfleet/v1/*.proto)

.PHONY: demo test check format proto lock clean

$(INSTALLED): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(INSTALLED)

demo: $(INSTALLED)  ## A search over handwritten digits: two trainers, two hundred networks, about two minutes
	$(BIN)/nasfleet run examples/digits.yaml --trainers 2

test: $(INSTALLED)  ## Every test; builds the Kubernetes programs that some run against, once
	$(BIN)/python tests/cluster/programs.py
	$(BIN)/pytest --numprocesses auto

format: $(INSTALLED)  ## Rewrite the code as the formatter and the linter want it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

proto: $(INSTALLED)  ## Write the generated parts of the contract anew
	$(BIN)/python -m nasfleet.catalogue.protogen > proto/nasfleet/v1/catalogue.proto.part
	mv proto/nasfleet/v1/catalogue.proto.part proto/nasfleet/v1/catalogue.proto
	$(BIN)/python -m grpc_tools.protoc --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy \
	  --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc -Iproto --python_out=proto --grpc_python_out=proto \
	  --mypy_out=quiet:proto --mypy_grpc_out=quiet:proto $(sort $(PROTOS) proto/nasfleet/v1/catalogue.proto)
	for resource in architecturesearches trainerpools; do \
	  $(BIN)/python -m nasfleet.catalogue.custom_resources $$resource > operator/manifests/crds/$$resource.part && \
	  mv operator/manifests/crds/$$resource.part operator/manifests/crds/$$resource.yaml || exit 1; \
	done
	for page in search trainer-pool; do \
	  $(BIN)/python -m nasfleet.catalogue.reference $$page > docs/reference/$$page.part && \
	  mv docs/reference/$$page.part docs/reference/$$page.md || exit 1; \
	done
	$(BIN)/python -m nasfleet_cli.reference > docs/reference/cli.md.part
	mv docs/reference/cli.md.part docs/reference/cli.md

check: $(INSTALLED)  ## Format, lint, types, import contracts, freshness of what is generated
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint proto
	.ci/fresh

lock: $(INSTALLED)  ## Pin every dependency anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml --output-file requirements.lock

clean:  ## Remove what was installed and built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
