# The few commands there are. `make run` and `make test` install what they need; README.md says what they do.

CARGO ?= cargo

.PHONY: run web test check soak interop fuzz bench dist clean

## Serve with no configuration: builds the page and the server, then shows where to push and what to open.
run: web
	$(CARGO) run --release --locked --bin weir -- serve $(ARGS)

## The H5 page, which is built into the binary.
web: web/dist/index.html

web/dist/index.html: $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	tools/need build
	cd web && npm ci --no-audit --no-fund --loglevel=error && npm run build
	@touch $@

## Everything that must hold, against real clients. Installs Debian, npm and PyPI packages for it. What is drawn at random is
## the same each time, so that what fails fails again; `make fuzz` draws anew.
test: web
	tools/need test
	cd web && npm test
	PROPTEST_RNG_SEED=1 $(CARGO) test --workspace --locked
	$(CARGO) test --locked -p hub --features shuttle --test concurrency
	$(CARGO) build --locked -p weir -p bench --bins
	$(CARGO) run -q --locked -p bench -- check
	tests/browser/run
	tools/fuzz same

## Formatting, lints, documentation, licences and the layers of ARCHITECTURE.md.
check: web
	tools/need build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --document-private-items
	cd web && npm run check
	tools/licences
	tools/layers

## The long versions of tests: five hundred crashes, six hundred lost connections. Eleven minutes.
soak: web
	tools/need test
	WEIR_SOAK=1 $(CARGO) test --locked -p weir --test it -- record::crash record::flap

## The heavy clients: OBS and VLC without a screen.
interop: web
	tools/need interop
	tests/interop/run

## Fuzz every parser, and 20,000 cases of each property; SECONDS=600 make fuzz for more. Other inputs than the fixed ones of `make test`.
fuzz:
	tools/need test
	PROPTEST_CASES=20000 $(CARGO) test --workspace --locked --lib
	tools/fuzz $(or $(SECONDS),30)

## Cost, latency and memory beside nginx-rtmp and the kernel's own floor; make bench ARGS=--quick takes a minute.
bench: web
	tools/need bench
	$(CARGO) build --release --locked -p weir -p bench --bins
	$(CARGO) run --release --locked -p bench -- run $(ARGS)

## The binary that is shipped, with its checksum, in target/dist: static where the musl target is installed.
dist: web
	tools/need build
	tools/dist

clean:
	$(CARGO) clean
	rm -rf web/dist web/node_modules tests/.venv tests/browser/node_modules tests/wire/node_modules
