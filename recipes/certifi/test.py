import certifi

text = certifi.contents()
assert text.count("-----BEGIN CERTIFICATE-----") == text.count("-----END CERTIFICATE-----") > 100
assert open(certifi.where()).read() == text
