import inspect

import wrapt
from wrapt import _wrappers

assert wrapt.ObjectProxy is _wrappers.ObjectProxy or issubclass(wrapt.ObjectProxy, _wrappers.ObjectProxy)


@wrapt.decorator
def twice(wrapped, instance, args, kwargs):
    return instance, wrapped(*args, **kwargs) * 2


class Shop:
    @twice
    def price(self, of: int = 3) -> int:
        return of

    @twice
    @classmethod
    def name(cls):
        return cls.__name__


shop = Shop()
assert shop.price(4) == (shop, 8) and Shop.name() == (Shop, "ShopShop")
assert str(inspect.signature(shop.price)) == "(of: int = 3) -> int"
proxy = wrapt.ObjectProxy([1])
proxy.append(2)
assert proxy == [1, 2] and isinstance(proxy, list) and proxy.__wrapped__ is not proxy
