import io

import urllib3
from urllib3.util import Retry, parse_url

url = parse_url("HTTP://user@Example.COM:80/a b?q=ü#f")
assert (url.scheme, url.host, url.port, url.request_uri) == ("http", "example.com", 80, "/a%20b?q=%C3%BC"), url
body, kind = urllib3.encode_multipart_formdata({"file": ("n.txt", b"text")}, boundary="x")
assert body.startswith(b"--x\r\nContent-Disposition: form-data;") and kind == "multipart/form-data; boundary=x"
answer = urllib3.HTTPResponse(io.BytesIO(b'{"a": 1}'), {"content-type": "application/json"}, preload_content=False)
assert answer.json() == {"a": 1} and answer.headers["Content-Type"] == "application/json"
assert Retry(3).increment(error=ValueError()).total == 2
