from Crypto.Cipher import AES, ChaCha20_Poly1305
from Crypto.Hash import SHA256, SHA3_256
from Crypto.Protocol.KDF import scrypt
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import eddsa, pss
from Crypto.Util.number import isPrime

# The vectors of SP 800-38A, F.1.1 and RFC 7914.
key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
block = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
assert AES.new(key, AES.MODE_ECB).encrypt(block).hex() == "3ad77bb40d7a3660a89ecaf32466ef97"
assert scrypt("", "", 64, 16, 1, 1).hex().startswith("77d6576238657b203b19ca42c18a0497")
assert SHA3_256.new(b"abc").hexdigest().startswith("3a985da74fe225b2045c172d6bd390bd")
sealing = AES.new(key, AES.MODE_GCM, nonce=bytes(12))
text, tag = sealing.encrypt_and_digest(b"text")
try:
    AES.new(key, AES.MODE_GCM, nonce=bytes(12)).decrypt_and_verify(text, bytes(16))
except ValueError as error:
    assert str(error) == "MAC check failed", error
else:
    raise AssertionError("a wrong tag was accepted")
assert AES.new(key, AES.MODE_GCM, nonce=bytes(12)).decrypt_and_verify(text, tag) == b"text"
sealing = ChaCha20_Poly1305.new(key=bytes(32))
assert ChaCha20_Poly1305.new(key=bytes(32), nonce=sealing.nonce).decrypt(sealing.encrypt(b"x" * 1000)) == b"x" * 1000
rsa = RSA.generate(1024)
assert isPrime(rsa.p)
pss.new(rsa.public_key()).verify(SHA256.new(b"m"), pss.new(rsa).sign(SHA256.new(b"m")))
ed = ECC.generate(curve="Ed25519")
eddsa.new(ed.public_key(), "rfc8032").verify(b"m", eddsa.new(ed, "rfc8032").sign(b"m"))
