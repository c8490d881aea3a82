"""Messages between us, the program gmssl and Tongsuo's library.

    python3 messages.py make FOLDER     two keys of GmSSL, and what it writes for them, into FOLDER/gmssl; FOLDER/tongsuo-*
    python3 messages.py check FOLDER    what we wrote, read by both
"""

import pathlib
import sys

import authority
import gmssl_program
import tongsuo
import tongsuo_cms
from der import read
from gmssl_program import DEFAULT_ID, PASSWORD, gmssl
from tongsuo import must_refuse

SIZES = [0, 1, 15, 16, 17, 100_000]
DATA = ("2a864886f70d010701", tongsuo_cms.GM + "0601040201")


def make(folder):
    plain = (folder / "plain").read_bytes()
    make_by_tongsuo(folder, plain)
    make_by_gmssl(folder / "gmssl", plain)


def make_by_tongsuo(folder, plain):
    certificate, key = (folder / "cert.der").read_bytes(), key_of(folder / "key.hex")
    for kind in ("attributes", "direct"):
        for placement in ("attached", "detached"):
            message = authority.cms_sign(plain, certificate, key, kind == "attributes", placement == "detached")
            (folder / f"tongsuo-{kind}-{placement}").write_bytes(message)


def make_by_gmssl(folder, plain):
    folder.mkdir(exist_ok=True)
    for name in ("a", "b"):
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        gmssl("sm2keygen", "-pass", PASSWORD, "-out", key, "-pubout", folder / f"{name}.pub")
        usages = "-key_usage", "digitalSignature", "-key_usage", "keyEncipherment"
        name_options = "-C", "CN", "-O", "Example", "-CN", name, "-serial_len", 12, "-days", 3650
        gmssl("certgen", *name_options, *usages, "-key", key, "-pass", PASSWORD, "-out", certificate)
        (folder / f"{name}.hex").write_text(gmssl_program.private_key(key.read_bytes()).hex())
    for size in SIZES:
        part = folder / f"plain-{size}"
        part.write_bytes(plain[:size])
        # GmSSL refuses to seal nothing.
        if size != 0:
            to_a, to_b = ("-rcptcert", folder / "a.pem"), ("-rcptcert", folder / "b.pem")
            gmssl("cmsencrypt", *to_a, "-in", part, "-out", folder / f"one-{size}")
            gmssl("cmsencrypt", *to_a, *to_b, "-in", part, "-out", folder / f"two-{size}")
    key = "-key", folder / "a.key", "-pass", PASSWORD
    whole = "-in", folder / f"plain-{SIZES[-1]}"
    gmssl("cmssign", *key, "-cert", folder / "a.pem", *whole, "-out", folder / "signed")
    gmssl("sm2sign", *key, "-id", DEFAULT_ID, *whole, "-out", folder / "signature")
    (folder / "short").write_bytes(plain[:100])
    gmssl("sm2encrypt", "-pubkey", folder / "a.pub", "-in", folder / "short", "-out", folder / "ciphertext")


def check(folder):
    plain = (folder / "plain").read_bytes()
    key, certificate = key_of(folder / "key.hex"), (folder / "cert.der").read_bytes()
    check_by_tongsuo(folder, plain, key, certificate)
    equal(gmssl_program.cms_decrypt((folder / "our-gmssl-enveloped-cbc").read_bytes(), key, certificate), plain)
    signed = (folder / "our-gmssl-signed-attached").read_bytes()
    equal(gmssl_program.cms_verify(signed), plain)
    must_refuse(gmssl_program.cms_verify, changed(signed, plain))
    print("GmSSL reads our-gmssl-enveloped-cbc, our-gmssl-signed-attached")
    check_folder(folder / "gmssl", plain)


def check_by_tongsuo(folder, plain, key, certificate):
    count = 0
    for path in sorted(folder.glob("our-*")):
        message, how, name = path.read_bytes(), "engines", path.name
        detached = plain if "detached" in name else None
        if "enveloped" in name:
            equal(tongsuo_cms.open_enveloped(message, tongsuo.private_key(key)), plain)
        elif name.startswith("our-gmssl-signed"):
            verify_as_gmssl(message, certificate, plain)
        else:
            kind, content, _ = tongsuo_cms.verify_signed(message, certificate, detached)
            equal(content, plain)
            assert kind in DATA, f"{name}: another content type"
            if name.startswith("our-rfc"):
                equal(tongsuo_cms.cms_verify(message, certificate, detached), plain)
                other = detached[:-1] if detached else None
                must_refuse(tongsuo_cms.cms_verify, message if detached else changed(message, plain), certificate, other)
                how = "engines and CMS functions"
        print(f"Tongsuo ({how}) reads {name}")
        count += 1
    assert count > 0, "there is nothing to read"


def verify_as_gmssl(message, certificate, plain):
    """No Z, and the encoded ContentInfo instead of the content."""
    _, fields = tongsuo_cms.fields_of(message)
    equal(read(read(fields[2][1])[1][1])[0][1], plain)
    signature = next(body for tag, body, _ in read(read(fields[-1][1])[0][1]) if tag == 4)
    tongsuo.verify_digest(tongsuo.public_key(certificate), tongsuo.digest("sm3", fields[2][2]), signature)


def check_folder(folder, plain):
    keys = {name: key_of(folder / f"{name}.hex") for name in "ab"}
    certificates = {name: (folder / f"{name}.pem").read_bytes() for name in "ab"}
    for size in SIZES:
        for kind, names in (("one", "a"), ("two", "ab")):
            message = (folder / f"our-{kind}-{size}").read_bytes()
            for name in names:
                equal(gmssl_program.cms_decrypt(message, keys[name], certificates[name]), plain[:size])
                equal(tongsuo_cms.open_enveloped(message, tongsuo.private_key(keys[name])), plain[:size])
    print("GmSSL and Tongsuo open envelopes of ours for one and two, of sizes", SIZES)

    ciphertext, signature = (folder / "our-ciphertext").read_bytes(), (folder / "our-signature").read_bytes()
    equal(gmssl_program.sm2_decrypt(ciphertext, keys["a"]), plain[:100])
    equal(tongsuo.sm2_decrypt(tongsuo.private_key(keys["a"]), ciphertext), plain[:100])
    gmssl_program.sm2_verify(plain, signature, certificates["a"])
    must_refuse(gmssl_program.sm2_verify, plain[1:], signature, certificates["a"])
    tongsuo.verify_signature(tongsuo.public_key(certificates["a"]), plain, signature)
    must_refuse(tongsuo.verify_signature, tongsuo.public_key(certificates["a"]), plain[1:], signature)
    print("GmSSL and Tongsuo read a ciphertext and a signature of ours")

    enveloped = (folder / "our-enveloped-key").read_bytes()
    equal(tongsuo_cms.open_enveloped_key(enveloped, tongsuo.private_key(keys["a"])), keys["b"])
    wrapped = read(read(enveloped)[0][1])[1][2]
    assert len(gmssl_program.sm2_decrypt(wrapped, keys["a"])) == 16, "another content key"
    print("Tongsuo opens an enveloped key of ours, GmSSL its SM2 part")

    assert gmssl_program.private_key(gmssl_program.key_file(keys["a"])) == keys["a"]
    must_refuse(gmssl_program.cms_decrypt, message, keys["a"], certificates["b"])


def key_of(path):
    return bytes.fromhex(path.read_text().strip())


def equal(got, wanted):
    assert got == wanted, f"another content: {len(got)} bytes for {len(wanted)}"


def changed(message, plain):
    """The message with one bit of the content turned."""
    at = message.index(plain)
    return message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
