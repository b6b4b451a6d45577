import aiohttp
from aiohttp import hdrs, http_parser, web
from aiohttp._http_parser import HttpRequestParser

assert http_parser.HttpRequestParser is HttpRequestParser, "the pure Python fallback was taken"


class Protocol:
    _reading_paused = False


parser = HttpRequestParser(Protocol(), None, 2**16)
messages, upgraded, rest = parser.feed_data(b"GET /p?q=1 HTTP/1.1\r\nHost: h\r\nX-Y: a\r\nX-Y: b\r\n\r\n")
((message, body),) = messages
assert (message.method, message.url.query["q"], message.headers.getall("x-y")) == ("GET", "1", ["a", "b"])
assert not upgraded and rest == b"" and body.is_eof()
try:
    parser.feed_data(b"no request\r\n\r\n")
except aiohttp.http_exceptions.BadHttpMethod:
    pass
else:
    raise AssertionError("a line that is no request was accepted")


async def handler(request):
    return web.json_response({})


application = web.Application()
application.router.add_get("/user/{name}", handler, name="user")
assert str(application.router["user"].url_for(name="ü")) == "/user/%C3%BC"
assert web.json_response({"a": 1}).headers[hdrs.CONTENT_TYPE] == "application/json; charset=utf-8"
assert aiohttp.BasicAuth("u", "p").encode() == "Basic dTpw"
