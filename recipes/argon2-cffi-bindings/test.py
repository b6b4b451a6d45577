from _argon2_cffi_bindings import ffi, lib


def argon2id(password):
    out = ffi.new("uint8_t[]", 32)
    rest = (ffi.NULL, 0, lib.Argon2_id, lib.ARGON2_VERSION_NUMBER)
    code = lib.argon2_hash(2, 1 << 10, 1, password, len(password), b"somesalt", 8, out, 32, *rest)
    assert code == lib.ARGON2_OK, ffi.string(lib.argon2_error_message(code))
    return bytes(ffi.buffer(out))


assert argon2id(b"password") == argon2id(b"password") != argon2id(b"passwort")
encoded = b"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
assert lib.argon2_verify(encoded, b"password", 8, lib.Argon2_id) == lib.ARGON2_OK
assert lib.argon2_verify(encoded, b"passwort", 8, lib.Argon2_id) == lib.ARGON2_VERIFY_MISMATCH
