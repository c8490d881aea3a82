"""Reads what was made for tests/interop with the Python package gmssl (SM2, SM3, SM4 of its own).

    python3 check.py FOLDER
"""

import pathlib
import sys

from gmssl import func, sm2, sm3, sm4

from der import element, read

GM = "2a811ccf55"
SM3_ID, SM4_CBC, SM4_BARE = GM + "018311", GM + "016802", GM + "0168"
MESSAGE_DIGEST, CONTENT_TYPE = "2a864886f70d010904", "2a864886f70d010903"


def digest(data):
    return sm3.sm3_hash(func.bytes_to_list(data))


def content_of(message):
    """The outer type's last arc, and the fields inside."""
    (_, body, _), = read(message)
    (_, kind, _), (_, explicit, _) = read(body)
    (_, fields, _), = read(explicit)
    return kind[-1], read(fields)


def open_enveloped(fields, key):
    """SM2 and SM4-CBC; None for another cipher, which this package does not have."""
    _, recipients, info = fields
    entry = read(read(recipients[1])[0][1])
    x, y, c3, c2 = (body for _, body, _ in read(read(entry[3][1])[0][1]))
    fixed = lambda number: int.from_bytes(number, "big").to_bytes(32, "big")
    content_key = key.decrypt(fixed(x) + fixed(y) + c3 + c2)
    _, algorithm, ciphertext = read(info[1])
    identifier, parameters = read(algorithm[1])
    if identifier[1].hex() not in (SM4_CBC, SM4_BARE):
        return None
    cipher = sm4.CryptSM4()
    cipher.set_key(content_key, sm4.SM4_DECRYPT)
    return cipher.crypt_cbc(parameters[1], ciphertext[1])


def verify(fields, key, plain, by_content_info=False):
    inner = read(fields[2][1])
    content = read(inner[1][1])[0][1] if len(inner) > 1 else plain
    assert content == plain, "another content"
    info = read(read(fields[-1][1])[0][1])
    attributes = next((body for tag, body, _ in info if tag == 0xA0), None)
    covered = content
    if attributes is not None:
        covered = element(0x31, attributes)
        values = {}
        for _, attribute, _ in read(attributes):
            (_, name, _), (_, value, _) = read(attribute)
            values[name.hex()] = read(value)[0][1]
        assert values[MESSAGE_DIGEST].hex() == digest(content), "another digest"
        assert values[CONTENT_TYPE] == inner[0][1], "another content type"
    signature = next(body for tag, body, _ in info if tag == 4)
    r, s = (int.from_bytes(body, "big") for _, body, _ in read(read(signature)[0][1]))
    if by_content_info:
        # GmSSL: no Z, and the encoded ContentInfo instead of the content.
        holds = key.verify(f"{r:064x}{s:064x}", bytes.fromhex(digest(fields[2][2])))
    else:
        holds = key.verify_with_sm3(f"{r:064x}{s:064x}", covered)
    assert holds, "the signature does not verify"


def main():
    folder = pathlib.Path(sys.argv[1])
    plain = (folder / "plain").read_bytes()
    certificate = (folder / "cert.der").read_bytes()
    # The key is the last bit string of 66 bytes: 00, 04, X, Y.
    at = certificate.rindex(b"\x03\x42\x00\x04") + 4
    public = certificate[at : at + 64].hex()
    private = (folder / "key.hex").read_text().strip()
    key = sm2.CryptSM2(private_key=private, public_key=public, mode=1)
    count = 0
    for path in sorted(folder.glob("our-*")):
        kind, fields = content_of(path.read_bytes())
        if kind == 3:
            opened = open_enveloped(fields, key)
            if opened is None:
                continue
            assert opened == plain, f"{path.name}: another plaintext"
        else:
            verify(fields, key, plain, by_content_info="gmssl" in path.name)
        print("gmssl (Python) reads", path.name)
        count += 1
    assert count > 0, "there is nothing to read"


main()
