# The builder: Emscripten, the build Python and the build tools of the provider `debian`, as the machine's own.
# See docker/README.md.
ARG RUST=rust:1.95.0-trixie
# The suite must be the one that `pkgsrv toolchain packages --suite` prints.
ARG DEBIAN=debian:forky-slim

# The program, with the loader inside; the same stage in both images.
FROM ${RUST} AS program
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm && rm -rf /var/lib/apt/lists/*
RUN rustup target add wasm32-unknown-unknown
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package pkgsrv

FROM ${DEBIAN}
COPY --from=program /source/target/release/pkgsrv /usr/local/bin/pkgsrv
# The program itself says what the toolchain consists of: image and provider cannot drift apart. The rest is what it
# starts outside of the toolchain.
RUN test "$(. /etc/os-release && echo "$VERSION_CODENAME")" = "$(pkgsrv toolchain packages --suite)" \
    && apt-get -o Acquire::Check-Valid-Until=false update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        $(pkgsrv toolchain packages) bubblewrap ca-certificates npm python3-pip \
    && rm -rf /var/lib/apt/lists/*
# The server's image has the same user, so that both may write to one volume.
RUN useradd --uid 8417 --no-create-home --home-dir /cache --shell /usr/sbin/nologin pkgsrv \
    && install -d -o pkgsrv -g pkgsrv /cache /data /wheels
COPY recipes /usr/share/pkgsrv/recipes
# npm wants a home that can be written, whoever the user is.
ENV HOME=/cache \
    PKGSRV_CACHE=/cache \
    PKGSRV_DATA=/data \
    PKGSRV_RECIPES=/usr/share/pkgsrv/recipes \
    PKGSRV_TOOLCHAIN=system
USER pkgsrv
# Needs no sandbox, so that an ordinary `docker build` can do it. A volume at /cache begins with it; should a later image
# meet an older volume, the first build there does it again.
RUN pkgsrv toolchain install --provider system
VOLUME /cache /data
WORKDIR /wheels
ENTRYPOINT ["pkgsrv"]
CMD ["--help"]
