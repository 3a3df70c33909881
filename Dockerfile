# The images of the three programs, one target each: operator (no torch), controller (torch for the CPU), trainer (torch with CUDA).
# `make images` builds them with docker, podman or buildah; docs/guides/install.md says what the arguments are for.
# Dependencies are layers below the code, which is the last one, so that a change of the code builds and pulls again the code alone.

# Any image with Python 3.11 or later and pip, on a C library like Debian's; Debian's own needs python3-venv besides.
# Pin it by its digest, which your registry tells: BASE_DIGEST=sha256:...
ARG BASE_IMAGE=python:3.11-slim-bookworm
ARG BASE_DIGEST=

FROM ${BASE_IMAGE}${BASE_DIGEST:+@${BASE_DIGEST}} AS base
# A name for the user, since some libraries ask for it, with the one home that may be written where the root is read-only.
RUN printf 'nasfleet:x:65532:\n' >> /etc/group && printf 'nasfleet:x:65532:65532::/tmp:/bin/sh\n' >> /etc/passwd
ENV PATH=/opt/nasfleet/bin:$PATH PYTHONUNBUFFERED=1

# What installs, from an environment of its own. In the images is only what it leaves in /opt/nasfleet, which has no pip.
# Where pip finds packages: PIP_INDEX_URL, empty for pip's own; or a pip.conf with credentials, as the build secret of that name.
FROM base AS installer
ARG PIP_INDEX_URL=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv /installer && python3 -m venv --without-pip /opt/nasfleet

FROM installer AS operator-packages
COPY requirements/operator.lock /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    /installer/bin/pip --python /opt/nasfleet/bin/python install --require-hashes --requirement /requirements/operator.lock

# TORCH_INDEX names an index that has builds of torch for the CPU; they are not where others are, and not what the lock has hashes
# of: TORCH_SHA256 is then the hash of the file that you mean, and without it the index is trusted.
# Without an index it is the build with CUDA, by the lock's hashes: gigabytes that a controller has no use for.
FROM installer AS controller-packages
ARG TORCH_INDEX=
ARG TORCH_SHA256=
COPY requirements/controller.lock requirements/torch.lock /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    /installer/bin/pip --python /opt/nasfleet/bin/python install --require-hashes --requirement /requirements/controller.lock
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    set -- --require-hashes --requirement /requirements/torch.lock && \
    if [ -n "$TORCH_INDEX" ]; then \
      sed -nE "s/^(torch==[^ ;]+).*/\1${TORCH_SHA256:+ --hash=sha256:$TORCH_SHA256}/p" /requirements/torch.lock > /requirements/cpu && \
      set -- --no-deps --index-url "$TORCH_INDEX" --requirement /requirements/cpu; \
    fi && \
    /installer/bin/pip --python /opt/nasfleet/bin/python install "$@"

FROM installer AS trainer-packages
COPY requirements/trainer.lock /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    /installer/bin/pip --python /opt/nasfleet/bin/python install --require-hashes --requirement /requirements/trainer.lock

FROM installer AS code
COPY requirements/build.lock /requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    /installer/bin/pip install --require-hashes --requirement /requirements/build.lock
WORKDIR /source
# All that .dockerignore lets through.
COPY . .
RUN /installer/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . && \
    /installer/bin/pip --python /opt/nasfleet/bin/python install --no-deps --no-index --prefix /code /wheel/*.whl

# What the programs run in: the base without what installs packages.
FROM base AS runtime
RUN cd /usr/local && rm -rf bin/pip* lib/python3*/ensurepip lib/python3*/site-packages/pip* lib/python3*/site-packages/setuptools* \
      lib/python3*/site-packages/wheel*

# Each program is the first process of its container: it ends orderly at SIGTERM and waits for its own children, which is all that
# tini would do for it. What a task of one's own leaves behind is reaped if its pool says `shareProcessNamespace: true`.
FROM runtime AS operator
COPY --from=operator-packages /opt/nasfleet /opt/nasfleet
USER 65532:65532
ENTRYPOINT ["nasfleet"]
CMD ["operator"]
HEALTHCHECK CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9467/healthz', timeout=5)"]
COPY --from=code /code /opt/nasfleet
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="nasfleet operator" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Runs the searches and the trainer pools that are declared in a Kubernetes cluster" \
      org.opencontainers.image.version="$VERSION" org.opencontainers.image.revision="$REVISION"

FROM runtime AS controller
RUN mkdir /state && chown 65532:65532 /state
COPY --from=controller-packages /opt/nasfleet /opt/nasfleet
USER 65532:65532
ENV NASFLEET_STATE=/state NASFLEET_HEALTH=127.0.0.1:50052
VOLUME /state
EXPOSE 50051 9464
ENTRYPOINT ["nasfleet"]
CMD ["controller"]
HEALTHCHECK CMD ["python", "-c", "import grpc; from grpc_health.v1 import health_pb2, health_pb2_grpc; assert health_pb2_grpc.HealthStub(grpc.insecure_channel('127.0.0.1:50052')).Check(health_pb2.HealthCheckRequest(), timeout=5).status == 1"]
COPY --from=code /code /opt/nasfleet
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="nasfleet controller" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Holds the policies of architecture searches and what was measured" \
      org.opencontainers.image.version="$VERSION" org.opencontainers.image.revision="$REVISION"

FROM runtime AS trainer
COPY --from=trainer-packages /opt/nasfleet /opt/nasfleet
USER 65532:65532
ENTRYPOINT ["nasfleet"]
CMD ["trainer"]
COPY --from=code /code /opt/nasfleet
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="nasfleet trainer" org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Trains child networks for a controller" \
      org.opencontainers.image.version="$VERSION" org.opencontainers.image.revision="$REVISION"
