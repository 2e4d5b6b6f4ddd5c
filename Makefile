# Thin aliases: each is one `inv` verb. CI calls `inv` itself, because make turns every failure into its own exit 2.
# Flags go in ARGS: make deploy-dev ARGS="--version 0.1.30-dev --yes"

VENV ?= .venv
PYTHON ?= python3
INV = $(VENV)/bin/inv
ARGS ?=
# A variable that was given becomes its flag, empty too: then `inv` says so.
flag = $(if $(filter-out undefined,$(origin $(1))),--$(2) '$($(1))')

# In touch mode make would do nothing, and exit 0.
define TOUCHED
make took --to for its own --touch, which would do nothing.
  now: Nothing was changed.
 next: make $(or $(firstword $(MAKECMDGOALS)),rollback) TO=$(or $(word 2,$(MAKECMDGOALS)),0.1.29-dev)
       The other flags go in ARGS.
endef
ifneq (,$(findstring t,$(filter-out --%,$(firstword -$(MAKEFLAGS)))))
$(error $(TOUCHED))
endif

.DEFAULT_GOAL := help
.PHONY: help doctor deploy-dev tag tag-undo versions status history verify why-not rollback drill deploy heal resume continue freeze thaw
.PHONY: promote tested adopt cleanup metrics picture lock unlock mark-bad mark-good user-data sbom sandbox demo test test-journeys test-program test-cases test-host test-attacks test-permissions
.PHONY: report watch logs shell eject test-docs test-pipelines test-kinds test-package test-terraform test-faults test-cleanup lint audit bench bench-faults bench-targets bench-host bench-shell setup

help: ; @sed -n -e 's/^\(setup\): .* # \(.*\)/  make \1\t\2/p' -e 's/^\([a-z-]*\): setup ;.*# \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

$(VENV)/.installed: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tagship needs Python 3.11 or later: make PYTHON=python3.12 …")'
	@echo "Installing tagship's pinned libraries into $(VENV): this takes a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r constraints.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	$(PYTHON) scripts/relative_path.py $(VENV)
	@$(VENV)/bin/python -m compileall -q tagship tasks.py # Invoke switches the writing of bytecode off
	@touch $@

setup: $(VENV)/.installed # install what tagship needs; each target does it first
deploy-dev: setup ; @$(INV) deploy-dev $(ARGS) # tag the next version, push it, follow it
tag: setup ; @$(INV) tag $(call flag,SUFFIX,suffix) $(ARGS) # the tag alone: make tag SUFFIX=dev
tag-undo: setup ; @$(INV) tag-undo $(ARGS) # delete a tag of your own: ARGS="--version 0.1.30-dev"
versions: setup ; @$(INV) versions $(ARGS) # the latest versions, and what could come next
doctor: setup ; @$(INV) doctor $(ARGS) # all that shipping needs, and what mends it
status: setup ; @$(INV) status $(ARGS) # what runs where
history: setup ; @$(INV) history $(ARGS) # who shipped what, when
watch: setup ; @$(INV) watch $(ARGS) # what runs where, again and again: ARGS=--heal
report: setup ; @$(INV) report $(ARGS) # one page of HTML: ARGS="--output report.html"
logs: setup ; @$(INV) logs $(ARGS) # what the app wrote: ARGS="--unit web-1 --follow"
shell: setup ; @$(INV) shell $(ARGS) # a shell on a unit: ARGS="--unit web-1"
verify: setup ; @$(INV) verify $(ARGS) # whether it serves: ARGS="--version 0.1.30-dev"
why-not: setup ; @$(INV) why-not $(ARGS) # what is in the way: ARGS="dev 0.1.30-dev"
rollback: setup ; @$(INV) rollback $(call flag,TO,to) $(ARGS) # take an environment back: make rollback TO=0.1.29-dev
drill: setup ; @$(INV) drill $(ARGS) # prove that a rollback would work
deploy: setup ; @$(INV) deploy $(ARGS) # a published version: ARGS="--version 0.1.30-dev"
promote: setup ; @$(INV) promote $(ARGS) # the same bytes, one environment on: ARGS="--to prod"
tested: setup ; @$(INV) tested $(ARGS) # say that what runs passed its tests
heal: setup ; @$(INV) heal $(ARGS) # bring hosts that lag to what the environment runs
continue: setup ; @$(INV) continue $(ARGS) # have a deployment go on that is paused for a decision
resume: setup ; @$(INV) resume $(ARGS) # end a deployment whose runner died
freeze: setup ; @$(INV) freeze $(ARGS) # hold it: ARGS="--until 8h --reason sale"
thaw: setup ; @$(INV) thaw $(ARGS) # end a freeze
lock: setup ; @$(INV) lock $(ARGS) # who holds an environment
unlock: setup ; @$(INV) unlock $(ARGS) # break the lease of a deployment that died
mark-bad: setup ; @$(INV) mark-bad $(ARGS) # say that a version is bad
mark-good: setup ; @$(INV) mark-good $(ARGS) # say that a version is good after all
metrics: setup ; @$(INV) metrics $(ARGS) # how deployments go, and DORA's keys: ARGS="--since 90d"
cleanup: setup ; @$(INV) cleanup $(ARGS) # delete old artifacts that nothing uses: ARGS=--dry-run
adopt: setup ; @$(INV) adopt $(ARGS) # take over hosts that ran the app before tagship
user-data: setup ; @$(INV) user-data $(ARGS) # what a launch template runs at a first boot
sbom: setup ; @$(INV) sbom $(ARGS) # what a version is made of: ARGS="--version 0.1.30-dev"
eject: setup ; @$(INV) eject $(ARGS) # the host files, to change them in this repository
sandbox: setup ; @$(INV) sandbox $(or $(ARGS),up) # an AWS on this machine, to practise on
demo: setup ; @$(INV) demo $(ARGS) # the whole story on a sandbox of its own
picture: setup ; $(VENV)/bin/python -m scripts.picture # docs/demo.svg, of a run of the demo
test: setup ; $(VENV)/bin/python -m pytest -n auto $(ARGS) # the tests
test-docs: setup ; $(VENV)/bin/python -m pytest -n 2 --dist load tests/docs $(ARGS) # every block of the pages, typed by the built wheel
test-kinds: setup ; $(VENV)/bin/python -m pytest -n auto tests/kinds $(ARGS) # what one kind of target alone does
test-journeys: setup ; $(VENV)/bin/python -m pytest -n auto tests/journeys $(ARGS) # the verbs as they are typed, through the sandbox
test-program: setup ; $(VENV)/bin/python -m pytest -n auto tests/program $(ARGS) # what runs on a host, with a folder for the host
test-pipelines: setup ; WHOLE=1 $(VENV)/bin/python -m pytest -n 2 tests/journeys/test_pipelines.py tests/journeys/test_pipeline_races.py tests/journeys/test_previews.py $(ARGS) # every trigger and race of the workflows, whole
test-package: setup ; $(VENV)/bin/python -m pytest tests/package $(ARGS) # the built wheel, in a repository of its own
test-attacks: setup ; $(VENV)/bin/python -m pytest -n auto tests/attacks $(ARGS) # each wall of docs/security.md, attacked
test-permissions: setup ; $(VENV)/bin/python -m pytest -n auto tests/permissions $(ARGS) # every verb under the policies that setup makes
test-cases: setup ; $(VENV)/bin/python -m pytest -n auto tests/cases $(ARGS) # inputs that once failed, each a test
test-host: setup ; $(VENV)/bin/python -m pytest -n 2 tests/host $(ARGS) # the tests on real hosts: root, Docker, systemd
test-terraform: setup ; $(VENV)/bin/python -m pytest tests/terraform $(ARGS) # the tests with the real Terraform
test-cleanup: setup ; FAULTS=whole $(VENV)/bin/python -m pytest -n 2 tests/faults/test_cleanup_histories.py tests/faults/test_leftover_histories.py $(ARGS) # 10,000 histories of cleanup, 10,000 of leftovers
test-faults: setup ; $(VENV)/bin/python -m pytest -n auto tests/faults $(ARGS) # races, crashes, fleets
lint: setup ; $(VENV)/bin/nox -s lint types # linters and types
audit: setup ; $(VENV)/bin/nox -s audit # known vulnerabilities of what is pinned
bench: setup ; $(VENV)/bin/python -m scripts.bench --page $(or $(ARGS),--all) # docs/performance.md, all of it: an hour; or ARGS=--quick
bench-faults: setup ; FAULTS=whole $(VENV)/bin/python -m pytest -n auto tests/faults $(ARGS) && $(VENV)/bin/python -m scripts.bench fleet # faults and fleets, whole
bench-targets: setup ; $(VENV)/bin/python -m scripts.bench --targets $(ARGS) # the kinds of target, and images: ratios
bench-host: setup ; $(VENV)/bin/python -m scripts.bench host && WHOLE=1 $(VENV)/bin/python -m pytest tests/host -s $(ARGS) # a real host: figures, and each count whole; root
bench-shell: setup ; WHOLE=1 $(VENV)/bin/python -m pytest -s tests/program/test_shell_values.py tests/program/test_host_tampering.py tests/unit/domain/ec2/test_document_shell.py $(ARGS) # 10,000 values through each shell; tampering, whole
