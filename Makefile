# Everything starts from a bare machine: python3 (3.11 or newer), make and a network.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEMO   ?= --trials 2 --epochs 15 --finetune-epochs 5

# Threads that soon sleep while they wait: spinning ones make everything crawl when another program wants a core.
export GOMP_SPINCOUNT ?= 1000

# The explorer's page is built, never committed: it holds 14 MB of WebAssembly.
PAGE   := src/wvae/explorer/page/index.html
WEB    := $(shell find web -name node_modules -prune -o -type f -print) src/wvae/explorer/contract.schema.json
NODE   := $(shell command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' && echo yes)
NPM    := npm --prefix web --no-audit --no-fund --no-update-notifier --loglevel=error

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo fonts browser web page test test-fast coverage lint format docs packages audit constraints results figures bench bench-separation gallery clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

demo: $(READY) ## both experiments on the embedded data; ends with the path of a report
	$(BIN)/wvae reproduce all --out runs/demo --overwrite $(DEMO)

# Packages that a release of Debian does not have are left out.
fonts: ## install Debian's free fonts for the data set `fonts`, about 100 MB
	@if ! command -v apt-get >/dev/null; then echo "fonts: there is no apt-get here, so the data set has only the fonts installed"; exit 0; fi; \
	sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); $$sudo apt-get update -qq; \
	available=$$(grep -v '^#' benchmarks/fonts-debian.txt | xargs apt-cache --no-all-versions show 2>/dev/null | sed -n 's/^Package: //p'); \
	[ -n "$$available" ] && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $$available >/dev/null \
	|| echo "fonts: apt-get failed, so the data set has only the fonts installed"

# It never fails: without a browser, tests are skipped with a message.
browser: ## install Chromium, for the tests in a browser, unless there is one
	@for name in "$${WVAE_BROWSER:-chromium}" chromium-browser google-chrome; do \
	  if command -v "$$name" >/dev/null; then exit 0; fi; done; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo="sudo -n"; \
	{ command -v apt-get && $$sudo true; } >/dev/null 2>&1 \
	&& $$sudo apt-get update -qq >/dev/null 2>&1 \
	&& $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
	   chromium fonts-noto-cjk >/dev/null 2>&1 \
	|| echo "browser: Chromium could not be installed here, so the tests in a browser are skipped"

web: $(PAGE) ## build the explorer's page from web/, which needs Node 20 or newer

# What the tests need: the page, if it can be built here.
ifeq ($(NODE),yes)
page: $(PAGE)
else
page:
	@[ -e $(PAGE) ] || echo "page: there is no npm with Node 20 or newer, so the tests of the explorer's page are skipped"
endif

$(PAGE): $(WEB) web/node_modules/.package-lock.json
ifneq ($(NODE),yes)
	@echo "web: npm and Node 20 or newer build the explorer's page: install them first" >&2; exit 1
endif
	$(NPM) run --silent build
	@touch $@

web/node_modules/.package-lock.json: web/package-lock.json web/package.json
ifeq ($(NODE),yes)
	$(NPM) ci
	@touch $@
endif

test: $(READY) browser page ## all tests
	$(BIN)/pytest -n 2 --dist worksteal

test-fast: $(READY) page ## the tests that take less than about 2 seconds each
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

coverage: $(READY) ## lines of datasets/ that the fast tests run
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" --cov=wvae.datasets --cov-report=term:skip-covered --cov-fail-under=95

lint: $(READY) ## style, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright

format: $(READY) ## bring the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The live page of docs/howto/explore.md: a model is trained once, two minutes.
docs/_explorer/explorer/index.html: $(PAGE)
	$(BIN)/python docs/make_explorer.py

docs: $(READY) page ## the pages, in docs/_build
	@[ ! -e $(PAGE) ] || $(MAKE) --no-print-directory docs/_explorer/explorer/index.html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build

# What builds, tries and checks a release; uv installs, in the versions that the tests were run with.
$(VENV)/.release: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[release]'
	@touch $@

packages: $(VENV)/.release page ## build the wheel and the source archive in dist/, and try each in an empty environment
	$(BIN)/python .ci/try_packages.py --out dist $(EXTRAS)

audit: $(VENV)/.release ## known vulnerabilities of the pinned versions, and the licences of what is installed
	$(BIN)/python .ci/audit.py

# All extras but mlflow, which caps pyarrow below the version that the tests run with.
PINNED := report files hf audio onnx scenes fonts processes ray explore hub tensorboard wandb umap bench docs dev release
constraints: $(VENV)/.release ## bring constraints.txt in line with pyproject.toml; UPGRADE=1 for the newest versions
	$(if $(PIP_CERT),SSL_CERT_FILE="$(PIP_CERT)") $(BIN)/uv pip compile pyproject.toml $(PINNED:%=--extra %) \
	  --universal --python-version 3.11 --quiet --no-header --no-annotate \
	  $(if $(UPGRADE),--upgrade) --output-file constraints.txt

results: $(READY) ## measure what README and documentation report, hours; goes on where it stopped. RESULTS='domain-fsdd'
	$(BIN)/python benchmarks/results.py --jobs 2 $(RESULTS)

figures: $(READY) ## fill the figures of README and documentation from docs/results
	$(BIN)/python docs/figures.py

bench: $(READY) ## speed and scale beside limits and peers, half an hour; docs/benchmarks/speed.md says what it found
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@for file in speed scale handwriting; do echo "== $$file"; GOMP_SPINCOUNT=30000 $(BIN)/python benchmarks/$$file.py || exit 1; done

bench-separation: $(READY) ## all ways to separate side by side, hours; writes docs/benchmarks/separation.md. BENCH='--data mnist'
	$(BIN)/python benchmarks/separation.py $(BENCH)

gallery: $(READY) ## train the gallery's three small models, half an hour; zips for a release in dist/gallery
	$(BIN)/python benchmarks/gallery.py

clean: ## remove the environment and what was built (runs are kept)
	rm -rf $(VENV) docs/_build docs/_cache docs/_explorer dist build web/node_modules $(dir $(PAGE)) .pytest_cache .ruff_cache .hypothesis

# The constraints pin every version that the tests were run with; pyproject.toml keeps the honest ranges.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[report,files,hf,audio,onnx,scenes,explore,umap,processes,ray,docs,dev]'
	@touch $@
