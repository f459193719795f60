"""A private certificate authority, such as companies have."""

import hashlib
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "Test authority"


class Authority:
    """Signs certificates. `path` is its own certificate, for clients to trust."""

    def __init__(self, directory: Path, *, file_name: str = "authority.pem") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(NAME)
        self._certificate = self._sign(NAME, self._key.public_key(), is_authority=True)
        self.path = directory / file_name
        self.path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def hashed_name(self) -> str:
        """Its file name in a directory for OpenSSL: a hash of the subject in lower case, without the DER header."""
        canonical = _name(NAME.lower()).public_bytes()[2:]
        digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
        return f"{int.from_bytes(digest[:4], 'little'):08x}.0"

    def server_tls(self, name: str, *, is_expired: bool = False) -> ssl.SSLContext:
        """A TLS context for a server called `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self._directory / f"{name}.pem"
        certificate = self._sign(name, key.public_key(), is_authority=False, is_expired=is_expired)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self, name: str, key: ec.EllipticCurvePublicKey, *, is_authority: bool, is_expired: bool = False
    ) -> x509.Certificate:
        now = datetime.now().astimezone() - timedelta(days=9 if is_expired else 0)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
