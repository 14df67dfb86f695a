# perfgate for CI systems that run jobs in containers, and for local use:
#
#   docker run --rm --network host --pid host -v /var/run/docker.sock:/var/run/docker.sock \
#     --user "$(id -u):$(id -g)" --group-add "$(stat -c %g /var/run/docker.sock)" \
#     -v "$PWD:$PWD" -w "$PWD" perfgate check
#
# It does not run as root: the group of the socket is enough, and files belong to their owner.
# The host's network lets it reach ports published on 127.0.0.1; the host's process ids let later
# runs recognise what an earlier one left behind.

FROM rust:1-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# The other packages of the workspace are not built, but cargo reads their manifests.
COPY fixtures/sample fixtures/sample
COPY fuzz fuzz
RUN cargo build --profile dist --locked --bin perfgate

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --user-group --create-home --shell /usr/sbin/nologin perfgate
COPY --from=build /src/target/dist/perfgate /usr/local/bin/perfgate
USER perfgate
ENTRYPOINT ["perfgate"]
CMD ["check"]
