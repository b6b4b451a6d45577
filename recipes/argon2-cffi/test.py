from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
hashed = hasher.hash("password")
assert hashed.startswith("$argon2id$v=19$m=1024,t=1,p=1$") and hashed != hasher.hash("password")
assert hasher.verify(hashed, "password") and not hasher.check_needs_rehash(hashed)
try:
    hasher.verify(hashed, "passwort")
except VerifyMismatchError:
    pass
else:
    raise AssertionError("a wrong password was accepted")
