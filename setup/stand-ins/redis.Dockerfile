# Stands in for the official Redis image where no registry can be pulled from: Debian's own Redis.
ARG DEBIAN
FROM ${DEBIAN}
RUN groupadd --system --gid 999 redis \
  && useradd --system --uid 999 --gid redis --home-dir /data --no-create-home redis \
  && apt-get update \
  && apt-get install -y --no-install-recommends redis-server \
  && rm -rf /var/lib/apt/lists/* /etc/redis \
  && mkdir -p /data && chown redis:redis /data
USER redis
VOLUME /data
WORKDIR /data
EXPOSE 6379
# Inside a container only what joins its network reaches it.
CMD ["redis-server", "--protected-mode", "no"]
