# The front door. `make help` lists what there is.

# Flags for the service: make run ARGS="--port 9000"
ARGS ?=
# Where `make install` puts what it installs. DESTDIR works as everywhere.
PREFIX ?= /usr/local

.DEFAULT_GOAL := help
.PHONY: run test build install image compose-test debug tsan format format-check \
        observability-check k8s-check setup test-setup clean help

run: build ## Run the service with a private PostgreSQL, or against DATABASE_URL
	@scripts/run $(ARGS)

test: test-setup build ## Build and run all tests
	ctest --preset release -j2 --output-on-failure --no-tests=error

build: build/release/build.ninja ## Build the release binary, build/release/signalbox
	$(call compile,release)

# The unit names the binary by its full path, which CMake has to know beforehand.
install: build ## Install the binary, the migrations and a systemd unit below PREFIX
	cmake -DCMAKE_INSTALL_PREFIX=$(PREFIX) build/release
	cmake --install build/release --strip

image: ## Build the container image, and the list of what is inside it (SBOM)
	@scripts/image

compose-test: ## Test the image and the compose stack end to end
	@scripts/with-docker tests/compose/run

debug: test-setup build/debug/build.ninja ## Build and test under AddressSanitizer and UndefinedBehaviorSanitizer
	$(call compile,debug)
	ctest --preset debug -j2 --output-on-failure --no-tests=error

tsan: test-setup build/tsan/build.ninja ## Build and test under ThreadSanitizer
	$(call compile,tsan)
	ctest --preset tsan -j2 --output-on-failure --no-tests=error

format: ## Format the C++ sources in place
	@scripts/setup clang-format
	$(cxx_sources) | xargs -0r clang-format -i

format-check: ## Fail when a C++ source is not formatted
	@scripts/setup clang-format
	$(cxx_sources) | xargs -0r clang-format --dry-run --Werror

observability-check: ## Check the Prometheus rules and their tests
	@scripts/check-observability

k8s-check: ## Render the Kubernetes manifests and check them, without a cluster
	@scripts/check-k8s

setup: ## Install the Debian packages that are missing
	@scripts/setup

# What only the tests need. After the others, so that two never install at the same time.
# Some tests ask the real Prometheus, fetched here once because a test has little time for it.
test-setup: setup
	@scripts/setup chromium chromium-driver fonts-dejavu-core pgbouncer
	@scripts/prometheus >/dev/null

clean: ## Delete what was built; the private database of `make run` stays
	rm -rf build

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Ninja runs CMake again by itself when a CMakeLists.txt changes, but does not know the presets.
build/%/build.ninja: CMakePresets.json | setup
	cmake --preset $*
	@touch $@

# One build at a time in a folder: `make run` and `make test` share build/release.
compile = @flock build/$(1) cmake --build --preset $(1)
cxx_sources = git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp'
