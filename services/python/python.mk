# The Python part of the Makefile.
# The first that is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; exit; }; done; echo python3.11)
VENV := .venv
REQUIREMENTS := services/python/requirements.txt

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Everything that Python is generated, checked and tested with, at the versions and hashes of the lock file. It is kept in
# $(VENV)/wheels, from where the test of the README installs.
$(VENV)/.from-requirements: $(REQUIREMENTS)
	@if cmp --silent $(REQUIREMENTS) $@; then touch $@; else set -x; \
	  rm -rf $(VENV); \
	  $(PYTHON) -m venv $(VENV); \
	  $(VENV)/bin/pip download --quiet --require-hashes --no-deps --only-binary :all: -d $(VENV)/wheels -r $(REQUIREMENTS); \
	  $(VENV)/bin/pip install --quiet --no-index --no-deps $(VENV)/wheels/*.whl; \
	  cp $(REQUIREMENTS) $@; fi

.PHONY: lock-python
lock-python: $(VENV)/.from-requirements ## Write services/python/requirements.txt anew (UPGRADE=--upgrade for newer versions).
	$(VENV)/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url --no-emit-trusted-host $(UPGRADE) -o $(REQUIREMENTS) services/python/requirements.in

.PHONY: generate-python
generate-python: protos $(VENV)/.from-requirements
	$(TOOL) buf generate --template services/python/buf.gen.yaml

.PHONY: generated-python
generated-python: protos $(VENV)/.from-requirements
	$(TOOL) buf generate --template services/python/buf.gen.yaml -o .generated
	$(call same,python)

# The projects, as links to their folders.
PYTHON_PROJECTS := services/python services/stores
$(VENV)/.from-projects: $(VENV)/.from-requirements $(PYTHON_PROJECTS:%=%/pyproject.toml)
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation $(PYTHON_PROJECTS:%=-e %)
	@touch $@

.PHONY: python
python: $(VENV)/.from-projects

# Two at a time, the longest first: half of what they do is to wait.
.PHONY: test-python
test-python: $(VENV)/.from-projects build ## Lint, check and test the Python library and its example.
	@$(MAKE) --no-print-directory --jobs 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
	  test-python-guide test-python-types test-python-library test-python-example

.PHONY: test-python-types
test-python-types:
	$(VENV)/bin/ruff format --check --quiet $(PYTHON_PROJECTS)
	$(VENV)/bin/ruff check --quiet $(PYTHON_PROJECTS)
	cd services/stores && $(CURDIR)/$(VENV)/bin/mypy src/stores tests ../python/src/intentgate ../python/tests

.PHONY: test-python-guide
test-python-guide:
	cd services/python && $(CURDIR)/$(VENV)/bin/pytest -p no:cacheprovider tests/test_readme.py

.PHONY: test-python-library
test-python-library:
	cd services/python && $(CURDIR)/$(VENV)/bin/pytest --ignore tests/test_readme.py

.PHONY: test-python-example
test-python-example:
	cd services/stores && $(CURDIR)/$(VENV)/bin/pytest
	$(call conform,$(VENV)/bin/stores)
