import cffi

ffi = cffi.FFI()
ffi.cdef("""
    typedef struct { char tag; double value; int64_t large; } item;
    size_t strlen(const char *);
    long long llabs(long long);
    double pow(double, double);
    int snprintf(char *, size_t, const char *, ...);
    void qsort(void *, size_t, size_t, int (*compare)(const void *, const void *));
""")
items = ffi.new("item[2]", [(b"a", 1.5, 2**40), {"value": -1}])
assert ffi.sizeof("item") == 24 and items[0].large == 2**40 and items[1].value == -1
assert ffi.buffer(items)[0:1] == b"a"
library = ffi.dlopen(None)
assert library.strlen(b"four") == 4
assert library.llabs(-(2**40)) == 2**40 and library.pow(2, 10) == 1024
text = ffi.new("char[]", 32)
assert library.snprintf(text, 32, b"%d %s", ffi.cast("int", 7), ffi.new("char[]", b"x")) == 3
assert ffi.string(text) == b"7 x"


@ffi.callback("int(const void *, const void *)")
def compare(left, right):
    return ffi.cast("int *", left)[0] - ffi.cast("int *", right)[0]


numbers = ffi.new("int[]", [3, 1, 2])
library.qsort(numbers, 3, ffi.sizeof("int"), compare)
assert list(numbers) == [1, 2, 3]
try:
    items[2]
except IndexError:
    pass
else:
    raise AssertionError("read behind the end")
