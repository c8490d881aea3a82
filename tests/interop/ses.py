"""Electronic seals and sealed data of GB/T 38540-2020 (edition 4), described for asn1crypto, and SM2 by two others."""

from asn1crypto import core, x509
from gmssl import sm2

import tongsuo
from tongsuo import holds

SM2_WITH_SM3, SM3 = "1.2.156.10197.1.501", "1.2.156.10197.1.401"
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123


class Header(core.Sequence):
    _fields = [("id", core.IA5String), ("version", core.Integer), ("vendor", core.IA5String)]


class Certificates(core.SequenceOf):
    _child_spec = core.OctetString


class Property(core.Sequence):
    _fields = [
        ("type", core.Integer),
        ("name", core.UTF8String),
        ("list_type", core.Integer),
        ("holders", Certificates),
        ("created", core.GeneralizedTime),
        ("valid_from", core.GeneralizedTime),
        ("valid_until", core.GeneralizedTime),
    ]


class Picture(core.Sequence):
    _fields = [
        ("type", core.IA5String),
        ("data", core.OctetString),
        ("width", core.Integer),
        ("height", core.Integer),
    ]


class Info(core.Sequence):
    _fields = [("header", Header), ("id", core.IA5String), ("property", Property), ("picture", Picture)]


class Seal(core.Sequence):
    _fields = [
        ("info", Info),
        ("certificate", core.OctetString),
        ("algorithm", core.ObjectIdentifier),
        ("signature", core.OctetBitString),
    ]


class ToSign(core.Sequence):
    _fields = [
        ("version", core.Integer),
        ("seal", Seal),
        ("time", core.GeneralizedTime),
        ("data_hash", core.OctetBitString),
        ("property_info", core.IA5String),
    ]


class Sealed(core.Sequence):
    _fields = [
        ("to_sign", ToSign),
        ("certificate", core.OctetString),
        ("algorithm", core.ObjectIdentifier),
        ("signature", core.OctetBitString),
        ("time_stamp", core.OctetBitString, {"explicit": 0, "optional": True}),
    ]


class Pair(core.Sequence):
    _fields = [("r", core.Integer), ("s", core.Integer)]


def parsed(kind, data):
    """The one value that the data are, in DER."""
    value = kind.load(data, strict=True)
    # What was not looked into would be copied.
    value.native
    holds(value.dump(force=True) == data, f"{kind.__name__} is not DER")
    return value


def verify_sm2(certificate, message, signature):
    """An SM2 signature over Z and the message, by the Python package gmssl and by Tongsuo."""
    pair = parsed(Pair, signature)
    r, s = pair["r"].native, pair["s"].native
    holds(0 < r < ORDER and 0 < s < ORDER, "the signature is out of range")
    point = x509.Certificate.load(certificate)["tbs_certificate"]["subject_public_key_info"]["public_key"]
    public = point.contents[2:].hex()
    key = sm2.CryptSM2(private_key="", public_key=public, mode=1)
    holds(key.verify_with_sm3(f"{r:064x}{s:064x}", message), "gmssl (Python): the signature does not verify")
    tongsuo.verify_signature(tongsuo.public_key(certificate), message, signature)


def verify_seal(seal, root):
    """A seal by its maker, whom the root certified: what is in it."""
    holds(seal["algorithm"].dotted == SM2_WITH_SM3, "the seal has another algorithm")
    info, maker = seal["info"], seal["certificate"].native
    header, holder = info["header"].native, info["property"]
    holds((header["id"], header["version"]) == ("ES", 4), f"the seal begins with {dict(header)}")
    holds(holder["list_type"].native == 1, "the holders are no certificates")
    holds(info["picture"]["type"].native == "PNG", "the picture is not PNG")
    holds(info["picture"]["data"].native.startswith(b"\x89PNG\r\n\x1a\n"), "the picture is not PNG")
    verify_sm2(maker, info.dump(), seal["signature"].native)
    tongsuo.verify_chain(maker, [], root)
    return info


def verify_sealed(value, root, data_hash, property_info):
    """Sealed data over this digest: the time, the signature and the time-stamp token or None."""
    sealed = parsed(Sealed, value)
    to_sign, signer = sealed["to_sign"], sealed["certificate"].native
    holds(to_sign["version"].native == 4, "the sealed data are of another edition")
    holds(sealed["algorithm"].dotted == SM2_WITH_SM3, "the sealed data have another algorithm")
    holds(to_sign["data_hash"].native == data_hash, "the sealed data are over another document")
    told = to_sign["property_info"].native
    holds(told == property_info, f"the sealed data name {told}, not {property_info}")
    info = verify_seal(to_sign["seal"], root)
    holder, time = info["property"], to_sign["time"].native
    holds(signer in [entry.native for entry in holder["holders"]], "who sealed is no holder")
    holds(holder["valid_from"].native <= time <= holder["valid_until"].native, "the seal was not valid")
    verify_sm2(signer, to_sign.dump(), sealed["signature"].native)
    tongsuo.verify_chain(signer, [], root)
    token = sealed["time_stamp"]
    return sealed["signature"].native, token.native if isinstance(token, core.OctetBitString) else None
