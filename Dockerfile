# The one binary, as an unprivileged user. The root file system may be read-only: the agent writes only below
# /var/lib/driftless (a mirror of the repository; it can be made again) and /tmp.
#
#   docker build -t driftless .
#   docker run --read-only --tmpfs /tmp -v driftless:/var/lib/driftless -v ./agent.yaml:/etc/driftless/agent.yaml:ro \
#     driftless agent --config /etc/driftless/agent.yaml
#
# dev/dockerfile-steps checks this file on a machine without a container engine.

FROM rust:1.95-slim-bookworm AS builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential pkg-config libssl-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --release --locked --bin driftless

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /var/lib/driftless /etc/driftless \
 && chown 10001:10001 /var/lib/driftless
COPY --from=builder /build/target/release/driftless /usr/local/bin/driftless
# Home for git's and OpenSSH's look-ups; a number, so that Kubernetes can verify that it is not root.
ENV HOME=/var/lib/driftless
WORKDIR /var/lib/driftless
USER 10001:10001
VOLUME ["/var/lib/driftless"]
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/driftless"]
