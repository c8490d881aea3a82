"""A small reader and writer of DER and PEM."""

import base64
import re


def read(data):
    """The elements of a DER body: tag, body, whole."""
    elements = []
    while data:
        length, head = data[1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(data[2:head], "big")
        assert head + length <= len(data), "DER is cut off"
        elements.append((data[0], data[head : head + length], data[: head + length]))
        data = data[head + length :]
    return elements


def length_of(length):
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def element(tag, *parts):
    body = b"".join(parts)
    return bytes([tag]) + length_of(len(body)) + body


def unarmored(data):
    """The DER of every block of a PEM file, or of the one DER file."""
    if b"-----BEGIN" not in data:
        return [data]
    return [base64.b64decode(body) for body in re.findall(rb"-----BEGIN [^-]+-----(.*?)-----END", data, re.DOTALL)]


def armored(label, data):
    """PEM in lines of 64, the only form that GmSSL reads."""
    text = base64.b64encode(data).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
