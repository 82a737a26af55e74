# The newcomer's door: needs make and Python 3.11 or newer, nothing else.
VENV   ?= .venv
EXTRAS ?= test,fast
# The newest tested Python that runs and can make environments: a name on PATH may be an empty shim.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
RUN     = $(VENV)/bin/python -m

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

tour: $(VENV)/has-tour,fast  ## see a convolution, step by step
	$(VENV)/bin/hwio tour

learn: $(VENV)/has-fast,digits  ## train a small network to read digits; loss and filters as pictures (ARGS="--out there")
	$(VENV)/bin/python examples/learn_digits.py $(ARGS)

cluster: $(VENV)/has-fast,dask  ## convolve what no worker can hold, on a cluster of which one is killed: two minutes (ARGS="--side 8192")
	$(VENV)/bin/python examples/conv_cluster.py $(ARGS)

test: $(VENV)/has-$(EXTRAS)  ## run tests and doctests (EXTRAS=test leaves the engine out; ARGS="-k pad")
	$(RUN) pytest $(ARGS)

lint: $(VENV)/has-lint  ## check style and format (make format repairs)
	$(RUN) ruff check . && $(RUN) ruff format --check .

format: $(VENV)/has-lint  ## repair style and format
	$(RUN) ruff check --fix . && $(RUN) ruff format .

types: $(VENV)/has-lint  ## check types
	$(RUN) mypy

pages: $(VENV)/has-$(EXTRAS)  ## renew error texts, tables, outputs and figures; then read git diff
	$(VENV)/bin/python tests/error_texts.py
	$(VENV)/bin/python docs/make_errors.py
	$(VENV)/bin/python docs/make_reference.py
	$(VENV)/bin/python docs/make_layouts.py
	$(VENV)/bin/python docs/make_outputs.py
	$(VENV)/bin/python docs/make_figures.py
	$(VENV)/bin/python docs/make_story.py

pictures: $(VENV)/has-tour,faces,digits  ## draw the photographs and plots of README and docs anew
	$(VENV)/bin/python docs/make_pictures.py $(ARGS)

docs: $(VENV)/has-docs,test,digits  ## build the documentation as a site into site/ (a warning or a broken link fails it)
	$(RUN) docs.website $(ARGS)

bench: $(VENV)/has-fast,plot,peers  ## measure hwio beside the frameworks, for hours (ARGS="--bars"): docs/reference/results.md
	$(RUN) bench --page docs/reference/results.md --pictures docs/images $(ARGS)

bench-quick: $(VENV)/has-fast,plot,peers  ## the same in two minutes, into out/
	$(RUN) bench --quick $(ARGS)

keras: $(VENV)/has-test,fast,keras  ## run Keras' own tests of convolution and pooling on hwio, without JAX
	$(VENV)/bin/python tests/keras_suite.py $(ARGS)

weights: $(VENV)/has-test,frameworks  ## move layers between TensorFlow, PyTorch, ONNX and TFLite, run both sides, print counts (1 GB)
	$(VENV)/bin/python tests/weights_matrix.py $(ARGS)

onnx: $(VENV)/has-test,fast,ocr  ## run ONNX's own cases and light models and a trained OCR on hwio (ARGS=cases, light or ocr)
	$(VENV)/bin/python tests/onnx_suite.py $(ARGS)

clean:  ## remove what make made
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis

# One stamp per set of extras, so that a second make installs nothing.
$(VENV)/has-%: pyproject.toml $(VENV)/made
	@echo "installing hwio[$*] into $(VENV) ..."
	@$(RUN) pip install --quiet --disable-pip-version-check -e ".[$*]"
	@touch "$@"

$(VENV)/made:
	$(if $(PYTHON),,$(error no Python 3.11 or newer with venv found; install one (Debian: python3-venv) or say make PYTHON=/path/to/python))
	@rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	@touch "$@"

.PHONY: help tour learn cluster test lint format types pages pictures docs bench bench-quick keras onnx weights clean
.NOTPARALLEL:  # two installs into one environment would collide
