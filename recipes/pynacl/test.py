import nacl.hash
import nacl.pwhash
import nacl.secret
import nacl.utils
from nacl.encoding import HexEncoder
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.public import Box, PrivateKey
from nacl.signing import SigningKey

assert len({nacl.utils.random(16) for _ in range(100)}) == 100
alice, bob = PrivateKey.generate(), PrivateKey.generate()
sealed = Box(alice, bob.public_key).encrypt(b"a secret")
assert Box(bob, alice.public_key).decrypt(sealed) == b"a secret"
box = nacl.secret.Aead(bytes(32))
sealed = box.encrypt(b"text", b"context")
assert box.decrypt(sealed, b"context") == b"text"
try:
    box.decrypt(sealed, b"another context")
except CryptoError:
    pass
else:
    raise AssertionError("a wrong context was accepted")
# RFC 8032, the first vector.
key = SigningKey("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", HexEncoder)
signature = key.sign(b"").signature
assert signature.hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
try:
    key.verify_key.verify(b"other", signature)
except BadSignatureError:
    pass
else:
    raise AssertionError("a wrong signature was accepted")
hashed = nacl.pwhash.argon2id.str(b"password", opslimit=1, memlimit=1 << 16)
assert nacl.pwhash.verify(hashed, b"password")
assert nacl.hash.blake2b(b"abc", digest_size=32).startswith(b"bddd813c634239723171ef3fee98579b")
