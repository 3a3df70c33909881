# The targets that people type; each sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
PROTOS := $(wildcard proto/nasfleet/v1/*.proto)

# What the images are called, and what else the tool that builds them is told: --build-arg, --secret, --volume.
IMAGES ?= nasfleet
BUILD_OPTIONS ?=
SBOM := build/sbom
# What pip-audit is told: --vulnerability-service, --ignore-vuln.
AUDIT_OPTIONS ?=

.PHONY: demo test e2e check format proto lock images sbom audit clean

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

e2e: $(INSTALLED)  ## The chart on a real cluster of two nodes, as root; a quarter of an hour, and programs to build, once
	$(BIN)/python tests/cluster/programs.py --nodes
	NASFLEET_E2E=1 unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private -- \
	  sh -c 'ip link set lo up && exec $(BIN)/pytest -p no:randomly --timeout 900 tests/e2e'

format: $(INSTALLED)  ## Rewrite the code as the formatter and the linter want it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

proto: $(INSTALLED)  ## Write everything that is generated anew: the contract, resources, references, dashboards
	$(BIN)/python -m nasfleet.catalogue.protogen > proto/nasfleet/v1/catalogue.proto.part
	mv proto/nasfleet/v1/catalogue.proto.part proto/nasfleet/v1/catalogue.proto
	$(BIN)/python -m grpc_tools.protoc --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy \
	  --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc -Iproto --python_out=proto --grpc_python_out=proto \
	  --mypy_out=quiet:proto --mypy_grpc_out=quiet:proto $(sort $(PROTOS) proto/nasfleet/v1/catalogue.proto)
	for resource in architecturesearches trainerpools; do \
	  $(BIN)/python -m nasfleet.catalogue.custom_resources $$resource > operator/manifests/crds/$$resource.part && \
	  mv operator/manifests/crds/$$resource.part operator/manifests/crds/$$resource.yaml && \
	  cp operator/manifests/crds/$$resource.yaml helm/nasfleet/files/crds/ || exit 1; \
	done
	for page in search trainer-pool; do \
	  $(BIN)/python -m nasfleet.catalogue.reference $$page > docs/reference/$$page.part && \
	  mv docs/reference/$$page.part docs/reference/$$page.md || exit 1; \
	done
	$(BIN)/python -m nasfleet_cli.reference > docs/reference/cli.md.part
	mv docs/reference/cli.md.part docs/reference/cli.md
	PYTHONPATH=monitoring $(BIN)/python -m nasfleet_monitoring write helm/nasfleet/files/dashboards

check: $(INSTALLED)  ## Format, lint, types, import contracts, freshness of what is generated
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint proto
	.ci/fresh

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --no-header
# Of torch's own, with CUDA: the controller's image can do without.
WITH_CUDA = $(shell sed -nE 's/^(torch|triton|(nvidia|cuda)-[a-z0-9-]+)==.*/--no-emit-package \1/p' requirements.lock)

lock: $(INSTALLED)  ## Pin every dependency anew, and for each image those that it has
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --extra dev pyproject.toml --output-file requirements.lock
	$(LOCK) --constraint requirements.lock --extra operator pyproject.toml --output-file requirements/operator.lock
	$(LOCK) --constraint requirements.lock --extra controller --extra postgresql --extra bayesian --extra tracing $(WITH_CUDA) \
	  pyproject.toml --output-file requirements/controller.lock
	$(LOCK) --constraint requirements.lock --extra trainer --extra tracing pyproject.toml --output-file requirements/trainer.lock
	echo torch | $(LOCK) --constraint requirements.lock - --output-file requirements/torch.lock
	echo hatchling | $(LOCK) --constraint requirements.lock - --output-file requirements/build.lock

images:  ## The three images, by whichever of docker, podman and buildah is there
	for tool in docker podman buildah; do $$tool info > /dev/null 2>&1 && break; tool=; done; \
	test -n "$$tool" || { echo "no docker, podman or buildah that works"; exit 1; }; \
	for image in operator controller trainer; do \
	  BUILDAH_LAYERS=true $$tool build --target $$image --tag $(IMAGES)/$$image:$(VERSION) --build-arg VERSION=$(VERSION) \
	    --build-arg REVISION=$(shell git rev-parse HEAD 2> /dev/null) $(BUILD_OPTIONS) . || exit 1; \
	done
	@echo "what is in them: make sbom writes it into $(SBOM)"

# torch has one of its own: the controller has torch besides what its lock says, from wherever its image was told to take it.
sbom: $(INSTALLED)  ## What is in each image, as CycloneDX says it
	mkdir -p $(SBOM)
	for image in operator controller trainer torch; do \
	  $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
	    --output-file $(SBOM)/$$image.cdx.json requirements/$$image.lock || exit 1; \
	done

audit: $(INSTALLED)  ## Known vulnerabilities in what is pinned, if a service of advisories can be asked
	.ci/audit $(AUDIT_OPTIONS)

clean:  ## Remove what was installed and built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
