import six
from six.moves import configparser
from six.moves.urllib.parse import urlencode

assert six.PY3 and six.text_type is str and six.ensure_binary("é") == b"\xc3\xa9"
assert configparser.ConfigParser and urlencode({"a": 1}) == "a=1"


@six.add_metaclass(type("Meta", (type,), {"kind": "meta"}))
class Demo:
    pass


assert Demo.kind == "meta"
