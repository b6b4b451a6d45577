# The server: serves what is published in the volume /data. See docker/README.md.
ARG RUST=rust:1.95.0-trixie
ARG DEBIAN=debian:trixie-slim

# The program, with the loader inside; the same stage in both images.
FROM ${RUST} AS program
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm && rm -rf /var/lib/apt/lists/*
RUN rustup target add wasm32-unknown-unknown
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package pkgsrv

FROM ${DEBIAN}
COPY --from=program /source/target/release/pkgsrv /usr/local/bin/pkgsrv
# The builder's image has the same user, so that both may write to one volume.
RUN useradd --uid 8417 --no-create-home --home-dir /data --shell /usr/sbin/nologin pkgsrv \
    && install -d -o pkgsrv -g pkgsrv /data
ENV PKGSRV_DATA=/data
USER pkgsrv
VOLUME /data
# The server, and the prompt, which has an origin of its own.
EXPOSE 8417 8418
# By bash: the image has no other program that speaks HTTP.
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8417 && printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && grep -q '^ok' <&3"]
ENTRYPOINT ["pkgsrv"]
CMD ["serve", "--listen", "0.0.0.0:8417", "--prompt-listen", "0.0.0.0:8418"]
