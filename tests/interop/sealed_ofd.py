"""Sealed OFD packages, read with nothing but zipfile and xml.etree: GB/T 33190, clause 18."""

import base64
import io
import posixpath
import zipfile
from xml.etree import ElementTree

import sealed_pdf
import ses
import tongsuo
import tongsuo_cms
from asn1crypto import cms
from der import read
from tongsuo import Refused, holds

OFD = "{http://www.ofdspec.org/2016}"


class Package:
    def __init__(self, data):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            holds(len(names) == len(set(names)), "a file is there twice")
            holds(archive.testzip() is None, "a file is damaged")
            self.files = {"/" + name: archive.read(name) for name in names if not name.endswith("/")}

    def xml(self, path):
        return ElementTree.fromstring(self.files[path])


def beside(path, place):
    """A place in a file, as a path of the package."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), place))


def numbers(text):
    return [float(number) for number in text.split()]


def pages(package, body):
    """Width and height of each page, by its id."""
    document_path = beside("/OFD.xml", body.find(f"{OFD}DocRoot").text)
    document = package.xml(document_path)
    usual = document.find(f"{OFD}CommonData/{OFD}PageArea/{OFD}PhysicalBox")
    sizes = {}
    for page in document.iter(f"{OFD}Page"):
        own = package.xml(beside(document_path, page.get("BaseLoc"))).find(f"{OFD}Area/{OFD}PhysicalBox")
        sizes[page.get("ID")] = numbers((usual if own is None else own).text)[2:]
    return sizes


def check(data, case, root):
    package = Package(data)
    body = package.xml("/OFD.xml").find(f"{OFD}DocBody")
    list_path = beside("/OFD.xml", body.find(f"{OFD}Signatures").text)
    listed = package.xml(list_path).findall(f"{OFD}Signature")
    holds(len(listed) == len(case["signatures"]), f"{len(listed)} signatures")
    highest = int(package.xml(list_path).find(f"{OFD}MaxSignId").text.lstrip("s"))
    ids = [one.get("ID") for one in listed]
    holds(len(set(ids)) == len(ids) and highest >= len(ids), f"MaxSignId {highest} for {ids}")
    sizes, own = pages(package, body), {list_path}
    for number, (one, kind, stamps) in enumerate(zip(listed, case["signatures"], case["stamps"])):
        path = beside(list_path, one.get("BaseLoc"))
        info = package.xml(path)
        signed = info.find(f"{OFD}SignedInfo")
        value_path = beside(path, info.find(f"{OFD}SignedValue").text)
        holds(one.get("Type", "Seal") == ("Seal" if kind.startswith("seal") else "Sign"), "another type")
        holds(signed.find(f"{OFD}SignatureMethod").text == ses.SM2_WITH_SM3, "another method")
        own |= {path, value_path}
        covered = _check_references(package, signed)
        if number + 1 == len(listed):
            loose = set(package.files) - covered - own
            holds(not loose, f"nobody signs {sorted(loose)}")
            holds((list_path in covered) == case["finished"], "the list of signatures is covered or not")
        annotations = signed.findall(f"{OFD}StampAnnot")
        holds(len(annotations) == stamps, f"{len(annotations)} stamps, not {stamps}")
        for annotation in annotations:
            _check_stamp(annotation, sizes)
        signature, token = _check_value(package, path, info, value_path, kind, root)
        holds((token is not None) == kind.endswith("+time"), "a time-stamp token or none")
        if token is not None:
            sealed_pdf.check_token(token, signature, root)


def _check_references(package, signed):
    references = signed.find(f"{OFD}References")
    holds(references.get("CheckMethod") == ses.SM3, f"CheckMethod {references.get('CheckMethod')}")
    covered = set()
    for reference in references:
        path, told = reference.get("FileRef"), reference.find(f"{OFD}CheckValue").text
        holds(path.startswith("/") and path in package.files, f"{path} is not there")
        holds(base64.b64decode(told, validate=True) == tongsuo.digest("sm3", package.files[path]), f"{path} is another one")
        covered.add(path)
    holds(len(covered) == len(references), "a file is covered twice")
    return covered


def _check_stamp(annotation, sizes):
    holds(annotation.get("PageRef") in sizes, "a stamp on no page")
    width, height = sizes[annotation.get("PageRef")]
    x, y, w, h = numbers(annotation.get("Boundary"))
    if annotation.get("Clip"):
        left, top, clip_width, clip_height = numbers(annotation.get("Clip"))
        holds(left >= 0 and top >= 0 and left + clip_width <= w + 0.01 and top + clip_height <= h + 0.01, "a clip outside of its stamp")
        x, y, w, h = x + left, y + top, clip_width, clip_height
    inside = x >= -0.01 and y >= -0.01 and x + w <= width + 0.01 and y + h <= height + 0.01
    holds(w > 0 and h > 0 and inside, f"a stamp outside of its page: {x} {y} {w} {h}")


def _check_value(package, path, info, value_path, kind, root):
    value, xml = package.files[value_path], package.files[path]
    if kind.startswith("seal"):
        place = info.find(f"{OFD}SignedInfo/{OFD}Seal/{OFD}BaseLoc")
        if place is not None:
            beside_it = package.files[beside(path, place.text)]
            holds(beside_it == ses.parsed(ses.Sealed, value)["to_sign"]["seal"].dump(), "another seal beside the signature")
        return ses.verify_sealed(value, root, tongsuo.digest("sm3", xml), path)
    # By GM/T 0010: asn1crypto knows what is in it, not what it is.
    fields, certificate = tongsuo_cms.fields_of(value)[1], sealed_pdf.signer_certificate(value)
    tongsuo_cms.verify_signed(value, certificate, xml)
    tongsuo.verify_chain(certificate, [], root)
    info = cms.SignerInfo.load(read(fields[-1][1])[0][2])
    attributes = {attribute["type"].native: attribute["values"] for attribute in info["signed_attrs"]}
    holds("signing_time" in attributes, "there is no time")
    holds(attributes["message_digest"][0].native == tongsuo.digest("sm3", xml), "another digest")
    signature = info["signature"].native
    ses.verify_sm2(certificate, info["signed_attrs"].untag().dump(), signature)
    unsigned = info["unsigned_attrs"] if isinstance(info["unsigned_attrs"], cms.CMSAttributes) else []
    tokens = [attribute["values"][0].dump() for attribute in unsigned if attribute["type"].native == sealed_pdf.TIME_STAMP]
    return signature, tokens[0] if tokens else None


def check_changed(data, case, root):
    """A space behind a file of the document, or a file that nobody signed."""
    package = Package(data)
    page = next(path for path in package.files if path.endswith("Content.xml"))
    for changes in ({page: package.files[page] + b" "}, {"/Doc_0/more.xml": b"<a/>"}):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for path, content in {**package.files, **changes}.items():
                archive.writestr(path[1:], content)
        try:
            check(out.getvalue(), case, root)
        except Refused:
            continue
        raise AssertionError(f"not noticed: {', '.join(changes)}")
