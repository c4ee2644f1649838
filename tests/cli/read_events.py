"""Reads TensorBoard's event files with the standard library alone: framing, checksums, fields.

    read_events.py FOLDER...     prints run<TAB>tag<TAB>step<TAB>value for every scalar, sorted

Exits with 1 and a message when a length, a checksum or a field is wrong. The CRC is computed bit by
bit on purpose: it shares no table with the program.
"""
import os
import struct
import sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of a message: integers, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(key & 7)
            if size is None:
                assert key & 7 == 2, "wire type"
                size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size, "a field is cut short"
        yield key >> 3, value


def records(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        length, crc = struct.unpack_from("<QI", data, at)
        assert crc == masked(data[at:at + 8]), f"{path}: checksum of the length at byte {at}"
        body = data[at + 12:at + 12 + length]
        assert len(body) == length, f"{path}: cut short"
        (crc,) = struct.unpack_from("<I", data, at + 12 + length)
        assert crc == masked(body), f"{path}: checksum of the record at byte {at}"
        yield body
        at += 16 + length


def scalars(path):
    for number, body in enumerate(records(path)):
        event = dict(fields(body))
        (time,) = struct.unpack("<d", event[1])
        assert time > 1e9, f"{path}: time {time}"
        if number == 0:
            assert event[3] == b"brain.Event:2", f"{path}: version"
            continue
        for _, value in fields(event[5]):
            scalar = dict(fields(value))
            yield scalar[1].decode(), event.get(2, 0), struct.unpack("<f", scalar[2])[0]


def main():
    lines = []
    for root in sys.argv[1:]:
        for folder, _, names in os.walk(root):
            for name in names:
                assert ".tfevents." in name, f"{name}: TensorBoard would not read it"
                for tag, step, value in scalars(os.path.join(folder, name)):
                    lines.append(f"{os.path.relpath(folder, root)}\t{tag}\t{step}\t{value!r}")
    print("\n".join(sorted(lines)))


try:
    main()
except (AssertionError, IndexError, KeyError, struct.error) as error:
    sys.exit(f"{type(error).__name__}: {error}")
