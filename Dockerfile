# The image of Signalbox. `make image` builds it; the plain builder can do it as well as BuildKit.
#
#   docker build --target test .      builds and runs the tests
#   docker build --target runtime .   the image, also what is built without a target

# Debian's packages only. They are installed again when scripts/setup changes, not when the source does.
# A release names it by its digest, see deploy/image/base.
ARG DEBIAN=debian:trixie-slim
FROM $DEBIAN AS toolchain
COPY scripts/setup /usr/local/bin/setup
RUN setup ca-certificates && rm -rf /var/lib/apt/lists/*
# The builder's cache is the one that counts.
ENV CCACHE_DISABLE=1
WORKDIR /signalbox

# Swagger UI and Redoc, which are put into the binary: those that `make docs-assets` has fetched, or else
# the registry's. Where none can be reached, pages load them from elsewhere, or with
# `--build-arg DOCS_ASSETS=required` the build fails.
FROM toolchain AS docs-assets
COPY scripts/setup scripts/docs-assets scripts/
COPY src/signalbox/docs/assets.txt src/signalbox/docs/
# A pattern, because they may not be there, beside a file that is, because something has to be.
COPY LICENSE build/docs-asset[s] build/docs-assets/
ARG DOCS_ASSETS=try
RUN scripts/docs-assets $([ "$DOCS_ASSETS" = required ] || echo --try)

FROM toolchain AS build
COPY CMakeLists.txt CMakePresets.json LICENSE ./
COPY cmake cmake
COPY migrations migrations
COPY src src
COPY --from=docs-assets /signalbox/build/docs-assets build/docs-assets
# `all` takes half the time to compile; what it makes takes some 8 % more instructions for a request.
ARG SIGNALBOX_UNITY
RUN cmake --preset release -DSIGNALBOX_TESTS=OFF -DSIGNALBOX_SYSTEMD=OFF \
    && cmake --build --preset release --target signalbox
# A step of its own: a commit that leaves the source alone compiles only what names the revision.
ARG REVISION
RUN cmake --preset release -DSIGNALBOX_REVISION="$REVISION" \
    && cmake --build --preset release --target signalbox \
    && DESTDIR=/runtime cmake --install build/release --component service --prefix /usr/local --strip
COPY deploy/image deploy/image
RUN deploy/image/collect-runtime /runtime build/release

# What the binary needs and nothing else: no shell, no package manager.
FROM scratch AS runtime
COPY --from=build /runtime /
USER 65532:65532
# Inside a container the default, this machine only, would be reached by nobody.
ENV SIGNALBOX_HOST=:: SIGNALBOX_ADMIN_HOST=::
EXPOSE 8000 9464
HEALTHCHECK --interval=10s --timeout=6s --start-period=35s --retries=3 \
    CMD ["/usr/local/bin/signalbox", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/signalbox"]
CMD ["serve"]
ARG VERSION
ARG REVISION
ARG CREATED
LABEL org.opencontainers.image.title="Signalbox" \
      org.opencontainers.image.description="A C++20 REST service to run and to copy" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="scratch" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"

# Behind the runtime, because the plain builder makes each stage in front of the one asked for.
FROM toolchain AS test-toolchain
COPY Makefile ./
COPY scripts/setup scripts/prometheus scripts/
RUN make thorough-setup && rm -rf /var/lib/apt/lists/*

FROM test-toolchain AS test
# With what is compiled already.
COPY --from=build /signalbox ./
COPY tests tests
COPY fuzz fuzz
COPY observability observability
RUN cmake --preset release -DSIGNALBOX_TESTS=ON && cmake --build --preset release
# What tests look at besides: what they compile does not depend on it.
COPY scripts/check-coroutines scripts/check-snippets scripts/docs-assets scripts/
COPY README.md ARCHITECTURE.md ./
COPY docs docs
RUN ctest --preset release -j2 --no-tests=error

# What is built when no target is named.
FROM runtime
