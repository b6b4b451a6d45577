# varnish before a running pkgsrv: keeps what pkgsrv lets caches keep. pkgsrv is started with `--base-url`, the address that
# clients know varnish at; varnishd with `-p http_gzip_support=off`, since else it takes no brotli.
vcl 4.1;

backend pkgsrv {
    .host = "127.0.0.1";
    .port = "8417";
    # An upload is answered when the wheel is checked.
    .first_byte_timeout = 15m;
}

sub vcl_recv {
    if (req.method == "GET" || req.method == "HEAD") {
        # Everything that can be read is the same for everyone.
        unset req.http.Cookie;
        unset req.http.Authorization;
    }
    # One copy for all browsers; who takes brotli takes gzip. Weights are left to pkgsrv. Who has an earlier release of a
    # wheel takes the later one as a delta.
    if (req.http.Accept-Encoding ~ "\bbr\b" && req.http.Accept-Encoding !~ ";") {
        if (req.http.Available-Dictionary && req.http.Accept-Encoding ~ "\bdcz\b") {
            set req.http.Accept-Encoding = "dcz, br, gzip";
        } else {
            set req.http.Accept-Encoding = "br, gzip";
            unset req.http.Available-Dictionary;
        }
    }
    # Who asks whether something is still current, as our loader does for heads and pip for pages, hears it from pkgsrv.
    # What never changes is not asked for again.
    if (req.http.Cache-Control ~ "(?i)no-cache|max-age=0\b"
        && req.url !~ "^/(blobs|admissions|documents|runtime)/"
        && req.url !~ "/(index|repodata|pyodide)/[^/]+/[0-9a-f-]+\.json$") {
        set req.hash_always_miss = true;
    }
}
