# Two commands do everything: `make kana` makes a first dataset, `make test` proves the code.

PYTHON ?= python3
BIN := .venv/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
QUIET_SUDO := $(SUDO:sudo=sudo -n)

# Tests of one file share what they have rendered, so that a file stays on one core.
ALL_CORES := -n auto --dist loadfile

.PHONY: help kana test quick check format docs bench sanitize gate faults kills mutants clean compiler system-packages

help:
	@echo "make kana    make .venv, install glyphgen, render recipes/kana.toml and a contact sheet"
	@echo "make test    install what the tests need, system packages included, and run them all"
	@echo "make quick   the tests of the working day: without what takes long: two minutes"
	@echo "make check   ruff and mypy"
	@echo "make format  let ruff lay the code out"
	@echo "make docs    build the documentation into docs/_build/html, strictly"
	@echo "make bench   measure the speed, side by side with what else there is"
	@echo "make sanitize   random outlines through the kernel, compiled with the sanitizers of C"
	@echo "make gate    measure the gate, with lies made of the bundled fonts and of free fonts of Debian"
	@echo "make faults  errors, kills and power cuts at every system call, and the table of docs/reliability.md"
	@echo "make kills   drivers, schedulers, workers and nannies killed at random moments, on stores and clusters"
	@echo "make mutants ROOM=balance   break the code of a room in every way, and list what no test notices"
	@echo "make clean   remove .venv and caches; datasets stay"

kana: .venv/installed
	@$(BIN)/glyphgen render recipes/kana.toml >/dev/null
	@$(BIN)/glyphgen preview recipes/kana.toml --out datasets/kana-sheet.png >/dev/null 2>&1
	@echo "dataset:       datasets/kana"
	@echo "contact sheet: datasets/kana-sheet.png"
	@echo "next:          source .venv/bin/activate; glyphgen --help"

test: system-packages .venv/developing
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest $(ALL_CORES)

quick: system-packages .venv/developing
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -q $(ALL_CORES) -m "not slow and not browser"

check: .venv/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/developing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/developing
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: system-packages .venv/developing
	@$(BIN)/python -m pip install -q --group bench
	$(BIN)/python -m benchmarks

# Python itself leaks at its end, so leaks are not looked for.
SECONDS ?= 30
sanitize: .venv/developing
	@mkdir -p build
	$(BIN)/python -m glyphgen.kernel.compiling build/sanitized.so -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
	ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" \
		$(BIN)/python tests/random_outlines.py build/sanitized.so $(SECONDS)

# Fonts of Debian, unpacked and not installed: 540 MB. It takes an hour.
GATE_FONTS := arphic-ukai arphic-uming baekmuk dejavu-core dejavu-extra deva-extra freefont-ttf hosny-amiri inter \
	ipafont-gothic ipafont-mincho kacst lato liberation linuxlibertine lohit-deva mplus nanum noto-cjk open-sans \
	sil-gentium takao-gothic takao-mincho tlwg-garuda-ttf tlwg-kinnari-ttf tlwg-loma-ttf tlwg-norasi-ttf \
	tlwg-purisa-ttf tlwg-sawasdee-ttf tlwg-umpush-ttf tlwg-waree-ttf unfonts-core vlgothic wqy-zenhei
gate: .venv/developing build/gate-fonts/done
	$(BIN)/python -m benchmarks.gate build/gate-fonts/usr/share/fonts

build/gate-fonts/done:
	mkdir -p build/gate-fonts
	cd build/gate-fonts && apt-get download $(addprefix fonts-,$(GATE_FONTS)) && for deb in *.deb; do dpkg -x $$deb .; done
	@touch $@

# FAULTS="--every 7 --one-kind" is what the tests do.
faults: system-packages .venv/developing
	OMP_NUM_THREADS=1 $(BIN)/python tests/faults/trials.py $(FAULTS)
	OMP_NUM_THREADS=1 $(BIN)/python tests/faults/flips.py
	OMP_NUM_THREADS=1 $(BIN)/python tests/faults/hostile.py

# KILLS="--times 10 --seed 7 --first 3" is another draw: what is drawn as number 3 to 12 from the seed 7.
kills: .venv/developing
	OMP_NUM_THREADS=1 $(BIN)/python tests/faults/kills.py $(KILLS)

# In a copy, since the tool writes beside the code. It takes an hour for a room.
ROOM ?= balance
mutants: .venv/developing
	@$(BIN)/python -m pip install -q --group mutants
	rm -rf build/mutants && mkdir -p build/mutants && git archive HEAD | tar -x -C build/mutants
	@printf '%s\n' '' '[tool.mutmut]' 'source_paths = ["glyphgen"]' 'only_mutate = ["glyphgen/$(ROOM)/*.py"]' \
		'also_copy = ["fonts", "recipes", "docs"]' 'pytest_add_cli_args = ["-m", "not slow and not browser"]' \
		'pytest_add_cli_args_test_selection = [$(foreach file,$(wildcard tests/test_$(ROOM)*.py),"$(file)",)]' \
		>> build/mutants/pyproject.toml
	cd build/mutants && ../../$(BIN)/python -m mutmut run && ../../$(BIN)/python -m mutmut results

clean:
	rm -rf .venv build docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/output

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than 3.11: set PYTHON, as in 'make kana PYTHON=python3.12'"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv; }
	$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade pip

.venv/installed: pyproject.toml hatch_build.py $(wildcard glyphgen/kernel/*.c) glyphgen/kernel/compiling.py | .venv/bin/python compiler
	@echo "installing glyphgen into .venv"
	@$(BIN)/python -m pip install -q -e .
	@$(BIN)/glyphgen --version | grep "rasterizer: FreeType" || true
	@touch $@

.venv/developing: .venv/installed
	@echo "installing the tools of developers into .venv"
	@$(BIN)/python -m pip install -q --group check --group test --group docs
	@touch $@

# The kernel is compiled where there is a C compiler; without one, FreeType draws the same, slower. No
# password is asked for.
compiler:
	@command -v $${CC:-cc} >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null \
		|| { command -v apt-get >/dev/null && echo "installing a C compiler" && $(QUIET_SUDO) apt-get update -qq \
			&& DEBIAN_FRONTEND=noninteractive $(QUIET_SUDO) apt-get install -y -qq gcc libc6-dev >/dev/null; } 2>/dev/null \
		|| echo "no C compiler, and none could be installed: images are the same, and drawn at half the speed"

# ImageMagick draws for the engine of that name, fontconfig finds installed fonts, Chromium opens reports,
# and a C compiler makes the library that lets system calls fail.
system-packages:
	@{ ldconfig -p | grep -q libMagickWand && command -v fc-list >/dev/null && command -v chromium >/dev/null \
		&& command -v cc >/dev/null; } \
		|| { $(SUDO) apt-get update -qq \
			&& DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq imagemagick fontconfig chromium gcc libc6-dev >/dev/null; } \
		|| echo "ImageMagick, fontconfig, Chromium or a C compiler could not be installed: tests that need them will fail"
