"""Messages and time-stamp tokens with Tongsuo's libcrypto: its CMS functions, which know the identifiers of RFC 5652 only,
and its engines (SM2, SM3, SM4) under a reader of our own, for all others.
"""

import ctypes

import tongsuo
from der import element, read, unarmored
from tongsuo import Refused, holds, number, optional, pointer, require

GM = "2a811ccf55"
SM4, SM4_ECB, SM4_CBC, SM4_GCM = GM + "0168", GM + "016801", GM + "016802", GM + "016808"
MESSAGE_DIGEST, CONTENT_TYPE = "2a864886f70d010904", "2a864886f70d010903"
TST_INFO, CERTIFICATE_V2 = "2a864886f70d0109100104", "2a864886f70d010910022f"
HASHES = {GM + "018311": "sm3", "608648016503040201": "sha256", "2b0e03021a": "sha1"}
SIGNED_DATA = RFC_SIGNED_DATA, GM_SIGNED_DATA = ("2a864886f70d010702", GM + "0601040202")
MAY_STAMP = 0x40


# By its CMS functions. Those for envelopes fail: this version takes an SM2 key for one of key agreement.


def cms_verify(message, certificate, detached=None):
    """A signedData of RFC 5652: the signed content. Every signer has the one certificate."""
    cms = tongsuo.parse("CMS_ContentInfo", message)
    certificates = pointer("OPENSSL_sk_new_null")
    number("OPENSSL_sk_push", certificates, tongsuo.parse("X509", certificate))
    signers = optional("CMS_get0_SignerInfos", cms)
    count = number("OPENSSL_sk_num", signers)
    found = number("CMS_set1_signers_certs", cms, certificates, ctypes.c_uint(0))
    holds(count > 0 and found == count, f"{found} of {count} signers are known")
    infos = [pointer("OPENSSL_sk_value", signers, index) for index in range(count)]
    for info in infos:
        if number("CMS_signed_get_attr_count", info) >= 0:
            require("CMS_SignerInfo_verify", info)
    buffer = None if detached is None else pointer("BIO_new_mem_buf", detached, len(detached))
    chain = pointer("CMS_dataInit", cms, buffer)
    content = _drain(chain)
    for info in infos:
        require("CMS_SignerInfo_verify_content", info, chain)
    return content


def _drain(chain):
    content, piece = b"", ctypes.create_string_buffer(1 << 16)
    while (size := number("BIO_read", chain, piece, len(piece))) > 0:
        content += piece.raw[:size]
    return content


# By its engines


def fields_of(message):
    """The content type and the fields of a ContentInfo."""
    (_, body, _), = read(unarmored(message)[0])
    (_, kind, _), (_, explicit, _) = read(body)
    (_, fields, _), = read(explicit)
    return kind.hex(), read(fields)


def open_enveloped(message, key):
    """The content, by the one recipient that the key opens: DER sorts them."""
    _, recipients, info = fields_of(message)[1]
    content_keys = []
    for _, entry, _ in read(recipients[1]):
        try:
            content_keys.append(tongsuo.sm2_decrypt(key, read(entry)[3][1]))
        except Refused:
            pass
    holds(len(content_keys) == 1, f"the key opens {len(content_keys)} recipients")
    content_key = content_keys[0]
    _, algorithm, ciphertext = read(info[1])
    identifier, *parameters = read(algorithm[1])
    holds(len(content_key) == 16, "the content key has another length")
    if identifier[1].hex() == SM4_GCM:
        nonce, length = read(parameters[0][1])
        tag_length = length[1][0]
        body, tag = ciphertext[1][:-tag_length], ciphertext[1][-tag_length:]
        return tongsuo.sm4_decrypt("gcm", content_key, nonce[1], body, tag)
    holds(identifier[1].hex() in (SM4_CBC, SM4), "another cipher")
    return tongsuo.sm4_decrypt("cbc", content_key, parameters[0][1], ciphertext[1])


def open_enveloped_key(message, key):
    """The private key, 32 bytes, in an SM2EnvelopedKey of GM/T 0009."""
    (_, body, _), = read(message)
    algorithm, wrapped, public, encrypted = read(body)
    holds(read(algorithm[1])[0][1].hex() in (SM4_ECB, SM4), "another cipher")
    content_key = tongsuo.sm2_decrypt(key, wrapped[2])
    d = tongsuo.sm4_decrypt("ecb", content_key, None, encrypted[1][1:], padding=False)[-32:]
    holds(public[1] == b"\0" + tongsuo.public_point(d), "the private key of another public key")
    return d


def verify_signed(message, certificate, detached=None):
    """A signedData with any identifiers: content type, content, and the attributes of the first signer by identifier.

    Every signature must hold under the one certificate, of the attributes or of the content, with Z.
    """
    kind, fields = fields_of(message)
    holds(kind in SIGNED_DATA, "not signedData")
    inner = read(fields[2][1])
    content = read(inner[1][1])[0][1] if len(inner) > 1 else detached
    holds(content is not None, "the content is elsewhere")
    key, all_values = tongsuo.public_key(certificate), []
    for _, info, _ in read(fields[-1][1]):
        info, values, covered = read(info), {}, content
        attributes = next((body for tag, body, _ in info if tag == 0xA0), None)
        if attributes is not None:
            covered = element(0x31, attributes)
            for _, attribute, _ in read(attributes):
                (_, name, _), (_, value, _) = read(attribute)
                holds(name.hex() not in values, "an attribute comes twice")
                values[name.hex()] = read(value)[0]
            holds(values[MESSAGE_DIGEST][1] == tongsuo.digest("sm3", content), "another digest")
            holds(values[CONTENT_TYPE][1] == inner[0][1], "another content type")
        tongsuo.verify_signature(key, covered, next(body for tag, body, _ in info if tag == 4))
        all_values.append(values)
    holds(all_values, "nobody signed")
    return inner[0][1].hex(), content, all_values[0]


# Time stamps


def verify_timestamp(token, certificate, content, root=None, intermediates=(), at_time=None):
    """A token of RFC 3161 or GM/T 0033 over a content: genTime as it stands there.

    `certificate`: that of the authority; its chain is verified if there is a root, at `at_time` or else today.
    """
    authority = tongsuo.parse("X509", certificate)
    usage = number("X509_get_extended_key_usage", authority)
    holds(usage != -1 and usage & MAY_STAMP, "the certificate is not one for time stamps")
    holds(number("X509_check_purpose", authority, 9, 0) == 1, "the certificate is not one for time stamps alone")
    if root is not None:
        tongsuo.verify_chain(certificate, intermediates, root, at_time)
    kind, stamped, values = verify_signed(token, certificate)
    holds(kind == TST_INFO, "the content is not TSTInfo")
    if fields_of(token)[0] == RFC_SIGNED_DATA:
        holds(cms_verify(token, certificate) == stamped, "another content")
    version, _, imprint, _, time, *_ = read(read(stamped)[0][1])
    algorithm, told = read(imprint[1])
    name = HASHES.get(read(algorithm[1])[0][1].hex())
    holds(version[1] == b"\x01" and name is not None, "another version or digest")
    holds(told[1] == tongsuo.digest(name, content), "the token is over another content")
    _verify_certificate_hash(values, unarmored(certificate)[0])
    return time[1].decode()


def _verify_certificate_hash(values, certificate):
    """The signed attribute that names the certificate (RFC 5035), which RFC 3161 demands."""
    holds(CERTIFICATE_V2 in values, "the attribute signingCertificateV2 is absent")
    first = read(read(read(values[CERTIFICATE_V2][1])[0][1])[0][1])
    name, claimed = "sha256", first[0]
    if claimed[0] == 0x30:
        name, claimed = HASHES.get(read(claimed[1])[0][1].hex()), first[1]
    holds(name is not None and claimed[1] == tongsuo.digest(name, certificate), "the token names another certificate")
