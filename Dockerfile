# The analyzer: joins outcomes, analyses windows, on a schedule. Reads /config/monitors.yml and $ELASTICSEARCH_URL.
FROM python:3.13-slim AS build
WORKDIR /checkout
# All of it: src/driftline holds links to the folders at the root.
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[notify]" && rm -r /wheels \
    && useradd --system --no-create-home driftline
USER driftline
ENTRYPOINT ["driftline"]
CMD ["run", "--config", "/config/monitors.yml"]
