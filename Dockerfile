# CPU:  docker build -t geoglm .
# CUDA: docker build -t geoglm:cuda --build-arg EXTRA=cuda .
# Run:  docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" geoglm segment ortho.tif
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
# an extra of pyproject.toml: cuda brings torch, whose wheel on Linux computes on CUDA
ARG EXTRA=
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY geoglm geoglm
RUN python -m venv /opt/geoglm \
    && /opt/geoglm/bin/python -m pip install --no-cache-dir --constraint constraints.txt ".${EXTRA:+[$EXTRA]}"

FROM python:${PYTHON}-slim
# rasterio's wheel takes expat from the system
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home geoglm
COPY --from=build /opt/geoglm /opt/geoglm
# any --user may write these; numba and matplotlib keep theirs there too
ENV PATH=/opt/geoglm/bin:$PATH \
    GEOGLM_CACHE=/tmp/geoglm \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
WORKDIR /data
ENTRYPOINT ["geoglm"]
CMD ["--help"]
