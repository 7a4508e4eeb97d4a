# syntax=docker/dockerfile:1
# The program alone, static, in an image without a shell or a package manager.
#
#     docker build --build-arg VERSION="$(git describe --tags --always --dirty)" -t orderflow .

# Built on the machine's own platform for any other: Go needs no emulation for that.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
# Modules change less often than code, so they are a layer of their own.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download && go mod verify
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS="$TARGETOS" GOARCH="$TARGETARCH" \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/orderflow ./cmd/orderflow

# static: CA certificates, time zones, /etc/passwd with nonroot (65532), and nothing that runs.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.title="orderflow" \
      org.opencontainers.image.description="Distributed order processing: event store, workers and REST API in one binary" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/orderflow /usr/local/bin/orderflow
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# Owned by nonroot: where orderflow.db goes if no other database is named. Mount a volume
# here to keep it.
WORKDIR /home/nonroot
EXPOSE 8080 8765
# SIGTERM drains; give the container longer than --drain-timeout to stop.
STOPSIGNAL SIGTERM
# Asks /readyz of this node's admin interface, where ORDERFLOW_ADMIN says it is.
HEALTHCHECK --interval=5s --timeout=6s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/orderflow", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/orderflow"]
CMD ["serve"]
