import io

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict


class Echo(BaseAdapter):
    def send(self, request, **options):
        answer = requests.Response()
        answer.status_code = 404 if request.path_url.startswith("/missing") else 200
        answer.headers = CaseInsensitiveDict({"Content-Type": "application/json", "Set-Cookie": "a=1"})
        answer.raw = io.BytesIO(b'{"path": "%s"}' % request.path_url.encode())
        answer.url, answer.request = request.url, request
        return answer

    def close(self):
        pass


session = requests.Session()
session.mount("demo://", Echo())
session.mount("http://", Echo())
answer = session.get("http://例え.テスト/p", params={"q": ["ü", 1]}, auth=("u", "p"), headers={"X-Y": "1"})
assert answer.json() == {"path": "/p?q=%C3%BC&q=1"} and answer.ok
assert answer.url.startswith("http://xn--r8jz45g.xn--zckzah/")
assert answer.request.headers["Authorization"] == "Basic dTpw"
try:
    session.post("http://h/missing", json={"a": 1}).raise_for_status()
except requests.HTTPError as error:
    assert error.response.request.body == b'{"a": 1}', error
else:
    raise AssertionError("a missing page was found")
