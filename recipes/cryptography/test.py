import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

assert "OpenSSL 3" in backend.openssl_version_text()
token = Fernet(Fernet.generate_key()).encrypt(b"a secret")
try:
    Fernet(Fernet.generate_key()).decrypt(token)
except InvalidToken:
    pass
else:
    raise AssertionError("a wrong key was accepted")
key = AESGCM.generate_key(128)
assert AESGCM(key).decrypt(bytes(12), AESGCM(key).encrypt(bytes(12), b"text", b"context"), b"context") == b"text"
# RFC 7914, the first vector.
assert Scrypt(b"", 64, 16, 1, 1).derive(b"").hex().startswith("77d6576238657b203b19ca42c18a0497")
signer = rsa.generate_private_key(65537, 1024)
signature = signer.sign(b"m", padding.PKCS1v15(), hashes.SHA256())
signer.public_key().verify(signature, b"m", padding.PKCS1v15(), hashes.SHA256())
edwards = ed25519.Ed25519PrivateKey.generate()
try:
    edwards.public_key().verify(edwards.sign(b"m"), b"other")
except InvalidSignature:
    pass
else:
    raise AssertionError("a wrong signature was accepted")
curve = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "é")])
start = datetime.datetime(2026, 1, 1)
builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(curve.public_key())
builder = builder.serial_number(7).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
pem = builder.sign(curve, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
certificate = x509.load_pem_x509_certificate(pem)
certificate.verify_directly_issued_by(certificate)
assert certificate.subject.rfc4514_string() == "CN=é" and certificate.not_valid_before_utc.year == 2026
