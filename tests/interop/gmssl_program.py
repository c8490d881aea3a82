"""The program gmssl (GmSSL 3) as a function, and its files: PEM only, private keys under a password only.

Times are Unix seconds. A function that returns has succeeded; otherwise it raises Refused.
"""

import ctypes
import os
import pathlib
import subprocess
import tempfile

import tongsuo
from der import armored, element, read, unarmored
from tongsuo import holds

PASSWORD, DEFAULT_ID = "interop", "1234567812345678"
LONGEST = 1024
PEERS = pathlib.Path(os.environ["INTEROP_PEERS"])
PBES2, PBKDF2 = bytes.fromhex("06092a864886f70d01050d"), bytes.fromhex("06092a864886f70d01050c")
HMAC_SM3, SM4_CBC = bytes.fromhex("06092a811ccf5501831102"), bytes.fromhex("06082a811ccf55016802")


def gmssl(*arguments, at_time=None):
    """Runs the program, with the clock at a time; what it prints."""
    environment = dict(os.environ)
    if at_time is not None:
        environment |= {"LD_PRELOAD": str(PEERS / "clock.so"), "INTEROP_TIME": str(at_time)}
    command = [str(PEERS / "gmssl"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, stdin=subprocess.DEVNULL)
    text = (done.stdout + done.stderr).decode(errors="replace")
    # Some commands print what failed and exit with 0.
    holds(done.returncode == 0 and "failure" not in text.lower(), f"{arguments[0]}: {done.returncode} {text.strip()[-600:]}")
    return text


class Files:
    """Inputs as files for the length of a with statement."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def path(self, name):
        return pathlib.Path(self.folder.name) / name

    def put(self, name, *contents):
        self.path(name).write_bytes(b"".join(contents))
        return self.path(name)

    def certificate(self, name, *certificates):
        # A longer one is written past the end of a buffer.
        holds(all(len(unarmored(one)[0]) <= LONGEST for one in certificates), "a certificate is too long for GmSSL")
        return self.put(name, *(pem("CERTIFICATE", one) for one in certificates))

    def key(self, d):
        """The options for a private key."""
        return "-key", self.put("key", key_file(d)), "-pass", PASSWORD


def pem(label, data):
    """As gmssl reads it, out of DER or any PEM: the label in the first line, lines of 64."""
    return armored(label, unarmored(data)[0])


# Private keys


def private_key(data, password=PASSWORD):
    """The 32 bytes of a key file of gmssl: PBES2 with PBKDF2-HMAC-SM3 and SM4-CBC."""
    algorithm, encrypted = read(read(unarmored(data)[0])[0][1])
    scheme, parameters = read(algorithm[1])
    (_, derivation, _), (_, cipher, _) = read(parameters[1])
    function, settings = read(derivation)
    salt, iterations, *_, prf = read(settings[1])
    identifier, iv = read(cipher)
    told = [scheme[2], function[2], read(prf[1])[0][2], identifier[2]]
    holds(told == [PBES2, PBKDF2, HMAC_SM3, SM4_CBC], "another scheme")
    key = _password_key(password, salt[1], int.from_bytes(iterations[1], "big"))
    info = read(read(tongsuo.sm4_decrypt("cbc", key, iv[1], encrypted[1]))[0][1])
    return read(read(info[2][1])[0][1])[1][1]


def check_key_file(data, certificate, password=PASSWORD):
    """The program signs with a key file, and the signature is that of the certificate."""
    with Files() as files:
        key = "-key", files.put("key", data), "-pass", password
        gmssl("sm2sign", *key, "-id", DEFAULT_ID, "-in", files.put("message", b"interop"), "-out", files.path("signature"))
        signature = files.path("signature").read_bytes()
    tongsuo.verify_signature(tongsuo.public_key(certificate), b"interop", signature)


def key_file(d, password=PASSWORD):
    """A key file that gmssl reads: the curve stands in the ECPrivateKey too, and so does the public key."""
    point = element(0xA1, element(3, b"\0", tongsuo.public_point(d)))
    inner = element(0x30, b"\x02\x01\x01", element(4, d), element(0xA0, tongsuo.CURVE_ID), point)
    info = element(0x30, b"\x02\x01\x00", tongsuo.ALGORITHM, element(4, inner))
    salt, iv, iterations = os.urandom(8), os.urandom(16), 65536
    settings = element(0x30, element(4, salt), b"\x02\x03\x01\x00\x00", b"\x02\x01\x10", element(0x30, HMAC_SM3))
    scheme = element(0x30, element(0x30, PBKDF2, settings), element(0x30, SM4_CBC, element(4, iv)))
    encrypted = tongsuo.sm4_encrypt("cbc", _password_key(password, salt, iterations), iv, info)
    return armored("ENCRYPTED PRIVATE KEY", element(0x30, element(0x30, PBES2, scheme), element(4, encrypted)))


def _password_key(password, salt, iterations):
    out = ctypes.create_string_buffer(16)
    sm3 = tongsuo.pointer("EVP_sm3")
    tongsuo.require("PKCS5_PBKDF2_HMAC", password.encode(), len(password), salt, len(salt), iterations, sm3, 16, out)
    return out.raw


# Messages


def cms_decrypt(message, key, certificate):
    with Files() as files:
        message, owner = files.put("message", pem("CMS", message)), files.certificate("cert", certificate)
        gmssl("cmsdecrypt", "-in", message, *files.key(key), "-cert", owner, "-out", files.path("plain"))
        return files.path("plain").read_bytes()


def cms_verify(message):
    """The content. The certificate that is beside the signature is taken as it is."""
    with Files() as files:
        gmssl("cmsverify", "-in", files.put("message", pem("CMS", message)), "-out", files.path("plain"))
        return files.path("plain").read_bytes()


def sm2_decrypt(ciphertext, key):
    with Files() as files:
        gmssl("sm2decrypt", "-in", files.put("ciphertext", ciphertext), *files.key(key), "-out", files.path("plain"))
        return files.path("plain").read_bytes()


def sm2_verify(message, signature, certificate):
    with Files() as files:
        message, signature = files.put("message", message), files.put("signature", signature)
        signer = files.certificate("cert", certificate)
        gmssl("sm2verify", "-in", message, "-sig", signature, "-cert", signer, "-id", DEFAULT_ID)


# Certificates


def verify_chain(leaf, intermediates, root):
    """Signatures up to the root, by names. Neither times nor extensions matter to this program."""
    with Files() as files:
        chain = files.certificate("chain", leaf, *intermediates)
        gmssl("certverify", "-in", chain, "-cacert", files.certificate("root", root))


def verify_crl(crl, issuer, at_time=None):
    with Files() as files:
        crl, issuer = files.put("crl", unarmored(crl)[0]), files.certificate("cert", issuer)
        gmssl("crlverify", "-in", crl, "-cacert", issuer, at_time=at_time)


def verify_csr(csr):
    """The program verifies a request when it issues for it, so an issuer is made."""
    with Files() as files:
        key = files.key(bytes(31) + b"\x02")
        request, issuer = files.put("csr", pem("CERTIFICATE REQUEST", csr)), files.path("issuer")
        options = "-CN", "issuer", "-serial_len", 12, "-days", 9, "-key_usage", "keyCertSign", "-ca"
        gmssl("certgen", *options, *key, "-out", issuer)
        gmssl("reqsign", "-in", request, "-days", 9, "-cacert", issuer, *key, "-out", files.path("certificate"))


def parse_certificate(certificate):
    with Files() as files:
        return gmssl("certparse", "-in", files.certificate("cert", certificate))
