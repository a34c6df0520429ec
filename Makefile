# The front door. `make help` lists what there is.

# Flags for the service: make run ARGS="--port 9000"
ARGS ?=
# Where `make install` puts what it installs. DESTDIR works as everywhere.
PREFIX ?= /usr/local
# What `make new` calls the service, and the folder that it writes it to.
NAME ?=
DIR ?=
# For which Debian `make deb-test` builds and tests packages; `host` is this machine's.
DEBIANS ?= bookworm trixie
# How long `make fuzz` runs each target.
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: run test test-thorough test-all new examples build install deb deb-test image compose-test debug tsan soak format format-check \
        observability-check k8s-check setup test-setup thorough-setup clean help fuzz fuzz-setup rolling-test \
        instructions typed-endpoints fast-code check tidy \
        coroutines-check snippets-check compile-time docs-assets docs-test openapi-test dbmate-test
.PHONY: configuration hooks hooks-test clangd-check dev dev-build dev-setup dev-test psql reset migration

run: build ## Run the service with a private PostgreSQL, or against DATABASE_URL
	@scripts/run $(ARGS)

dev: dev-setup ## Run the service and build and replace it whenever a file is saved
	@scripts/run --reload $(ARGS)

dev-build: build/dev/build.ninja
	$(call compile,dev) --target signalbox

psql: setup ## psql in the development database, that of `make run` and `make dev`
	@scripts/database psql $(ARGS)

reset: ## Delete the development data; the next run makes it anew
	@scripts/database reset

migration: ## Make a migration to be filled in: make migration NAME=add_orders
	@scripts/migration "$$NAME"

test: test-setup build/release/build.ninja ## Build the tests, and run those that take minutes
	$(call compile,release)
	ctest --preset release -j3 -LE 'thorough|docs' --output-on-failure --no-tests=error

test-thorough: thorough-setup build/release/build.ninja ## With a browser, Prometheus, attackers, failing databases
	$(call compile,release)
	ctest --preset release -j3 -L thorough --output-on-failure --no-tests=error

test-all: test test-thorough docs-test examples dbmate-test rolling-test dev-test compose-test ## Run those, the example, the pages, dbmate, restarts, containers

new: ## Write a new service: make new NAME=orders DIR=../orders
	@scripts/new '$(NAME)' '$(DIR)'

# As others build it: nothing of this checkout is seen but what is installed.
examples: build/release/build.ninja ## Build and test what is in examples/ against the installed library
	$(call compile,release) --target signalbox_core signalbox_testing
	@rm -rf build/installed
	@cmake --install build/release --component development --prefix $(CURDIR)/build/installed >/dev/null
	@CMAKE_PREFIX_PATH=$(CURDIR)/build/installed $(MAKE) --no-print-directory -C examples/orders test
	@tests/fastapi/orders_test.py examples/orders/build/dev/orders

docs-assets: ## Fetch Swagger UI and Redoc by npm; the next build puts them into the library
	@scripts/docs-assets

docs-test: docs-assets thorough-setup build/release/build.ninja openapi-test ## Open the API's pages in a browser, with Swagger UI and Redoc inside
	$(call compile,release) --target signalbox docs_tests
	ctest --preset release -L docs --output-on-failure --no-tests=error

openapi-test: build/release/build.ninja ## Validate OpenAPI documents against the specification's schemas, by npm
	$(call compile,release) --target openapi_documents
	@tests/openapi/validate build/release/tests/openapi_documents

dbmate-test: build ## Compare what becomes of migrations here and by dbmate, which npm fetches
	@tests/dbmate/compare build/release/signalbox

rolling-test: build ## Restart two instances behind HAProxy under load: no request may be lost
	@tests/rolling/run

dev-test: build/release/build.ninja dev-setup ## Edit a service that `make dev` serves: what is saved has to be served, with no request lost
	$(call compile,release) --target signalbox signalbox_testing
	@tests/dev/run

typed-endpoints: build ## What endpoints cost that declare their parameters, beside hand-written ones
	@scripts/setup valgrind python3
	$(call compile,release) --target bench_typed_endpoints
	@bench/typed-endpoints

fast-code: build ## What our own JSON and random digits cost beside a library's: a reason to have them, or not
	@scripts/setup valgrind python3
	$(call compile,release) --target bench_fast_code
	@bench/fast-code

instructions: build ## Count what a request costs under callgrind: no more than bench/instructions.json has
	@scripts/setup valgrind python3
	@bench/instructions

build: build/release/build.ninja ## Build the release binary, build/release/signalbox
	$(call compile,release) --target signalbox

# The unit names the binary by its full path, which CMake has to know beforehand.
install: build ## Install the binary, the migrations and a systemd unit below PREFIX
	cmake -DCMAKE_INSTALL_PREFIX=$(PREFIX) build/release
	cmake --install build/release --strip

deb: build/deb/build.ninja ## Build the Debian packages: the service, and the library for others to build with
	@scripts/setup dpkg-dev file
	$(call compile,deb)
	cd build/deb && cpack
	@ls build/deb/*.deb

deb-test: ## Install and use the packages in a fresh Debian each: DEBIANS="bookworm trixie"; wants root
	@tests/package/run $(DEBIANS)

image: ## Build the container image, and the list of what is inside it (SBOM)
	@scripts/image

compose-test: ## Test the image and the compose stack end to end
	@scripts/with-docker tests/compose/run

debug: thorough-setup build/debug/build.ninja ## Build and test under AddressSanitizer and UndefinedBehaviorSanitizer
	$(call compile,debug)
	ctest --preset debug -j2 --output-on-failure --no-tests=error

tsan: thorough-setup build/tsan/build.ninja ## Build and test under ThreadSanitizer
	$(call compile,tsan)
	ctest --preset tsan -j2 --output-on-failure --no-tests=error

soak: build ## Load the service with everything for SOAK_SECONDS (300): it has to stay as it is
	@scripts/setup wrk python3
	@bench/soak

fuzz: build/fuzz/build.ninja ## Fuzz each target for FUZZ_SECONDS with libFuzzer
	$(call compile,fuzz)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz

check: format-check observability-check k8s-check coroutines-check snippets-check hooks-test clangd-check tidy debug tsan ## All that must be clean before a merge; takes long

tidy: setup ## Look for mistakes with clang-tidy
	@scripts/setup clang-tidy
	@scripts/tidy

hooks: ## Have git look at each commit beforehand, with clang-format and clang-tidy
	@scripts/setup clang-format clang-tidy
	git config core.hooksPath scripts/hooks

hooks-test: ## Test what that hook lets pass and what it refuses
	@scripts/setup clang-format clang-tidy
	@tests/scripts/pre_commit_test

clangd-check: build ## Check that an editor's clangd understands the sources
	@scripts/setup clangd
	clangd --check=src/app/main.cpp --log=error

format: ## Format the C++ sources in place
	@scripts/setup clang-format
	$(cxx_sources) | xargs -0r clang-format -i

format-check: ## Fail when a C++ source is not formatted
	@scripts/setup clang-format
	$(cxx_sources) | xargs -0r clang-format --dry-run --Werror
	@! git grep -nE '^(TYPED_)?TEST(_[FP])?\(([^A-Z]|[A-Z]\w*_)' -- 'tests/*.cpp' 'examples/*.cpp' 'templates/*' || \
		{ echo 'suites of tests are named as types are: DatabaseFailure'; exit 1; }

coroutines-check: ## Look for what g++ 12 miscompiles in coroutines without a warning
	@scripts/setup python3
	@scripts/check-coroutines

configuration: build ## Write the tables of settings into docs/configuration.md, as the binary has them
	@scripts/setup python3
	@scripts/configuration --fix

snippets-check: ## Fail when C++ in the documents is not what is compiled, or a link leads nowhere
	@scripts/setup python3
	@scripts/check-snippets
	@scripts/check-links
	@tests/scripts/check_links_test.py

compile-time: build/release/build.ninja ## What a handler costs to compile, and that each public header compiles alone
	@scripts/setup python3 valgrind
	@cmake --build build/release --target version_header
	@bench/compile-time

observability-check: ## Check the Prometheus rules and their tests
	@scripts/check-observability

k8s-check: ## Render the Kubernetes manifests and check them, without a cluster
	@scripts/check-k8s

setup: ## Install the Debian packages that are missing
	@scripts/setup

# What only the tests need. After the others, so that two never install at the same time.
test-setup: setup
	@scripts/setup python3 openssl pgbouncer systemd util-linux bsdutils

# Some tests ask the real Prometheus, fetched here once because a test has little time for it.
thorough-setup: test-setup
	@scripts/setup chromium chromium-driver fonts-dejavu-core slowhttptest
	@scripts/prometheus >/dev/null

dev-setup: setup
	@scripts/setup python3 inotify-tools mold

# clang, what its sanitizers and libFuzzer link, and the names of functions in what they say.
fuzz-setup: setup
	@scripts/setup clang libclang-rt-dev llvm

clean: ## Delete what was built; the private database of `make run` stays
	rm -rf build

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Ninja runs CMake again by itself when a CMakeLists.txt changes, but does not know the presets.
build/%/build.ninja: CMakePresets.json | setup
	cmake --preset $*
	@touch $@

build/dev/build.ninja: | dev-setup
build/fuzz/build.ninja: | fuzz-setup

# One build at a time in a folder: `make run` and `make test` share build/release.
compile = @flock build/$(1) cmake --build --preset $(1)
cxx_sources = git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp'
