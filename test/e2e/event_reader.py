"""Reads TensorBoard's event files with the standard library alone: TFRecord's frames, their
CRC-32C, and of protobuf's wire format what an Event is made of. Written from the formats."""

import struct

CASTAGNOLI = 0x1EDC6F41


def reflect(value, bits):
    return int(format(value, "0%db" % bits)[::-1], 2)


def crc32c(data):
    """Bit by bit, from the polynomial in its usual order: slow, and unlike any table."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= reflect(byte, 8) << 24
        for _ in range(8):
            high = register & 0x80000000
            register = (register << 1) & 0xFFFFFFFF
            if high:
                register ^= CASTAGNOLI
    return reflect(register ^ 0xFFFFFFFF, 32)


def unmask(masked):
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    return ((rotated >> 17) | (rotated << 15)) & 0xFFFFFFFF


def frames(data):
    """The records of a file; ends quietly where the last one is cut off."""
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        (crc,) = struct.unpack_from("<I", data, at + 8)
        if unmask(crc) != crc32c(data[at:at + 8]):
            raise ValueError("at byte %d: the length's checksum is wrong" % at)
        if at + 12 + length + 4 > len(data):
            return
        record = data[at + 12:at + 12 + length]
        (crc,) = struct.unpack_from("<I", data, at + 12 + length)
        if unmask(crc) != crc32c(record):
            raise ValueError("at byte %d: the record's checksum is wrong" % at)
        yield record
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(number, value) of a message: integers, or the bytes of the other wire types."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            if kind == 2:
                size, at = varint(data, at)
            else:
                size = {1: 8, 5: 4}[kind]
            value, at = data[at:at + size], at + size
            if len(value) != size:
                raise ValueError("a field is longer than its message")
        yield key >> 3, value


def events(path):
    """[(wall_time, step, what, value)]: what is "version", "session", a scalar's tag, or a text's."""
    found = []
    for record in frames(path.read_bytes()):
        event = dict(fields(record))
        step, wall = event.get(2, 0), struct.unpack("<d", event[1])[0]
        if 3 in event:
            found.append((wall, step, "version", event[3].decode()))
        if 7 in event:
            found.append((wall, step, "session", dict(fields(event[7]))[1]))
        for number, value in fields(event.get(5, b"")):
            if number != 1:
                continue
            parts = dict(fields(value))
            tag = parts[1].decode()
            if 2 in parts:
                found.append((wall, step, tag, struct.unpack("<f", parts[2])[0]))
            else:
                tensor = dict(fields(parts[8]))
                plugin = dict(fields(dict(fields(parts[9]))[1]))[1].decode()
                if tensor[1] != 7 or plugin != "text":
                    raise ValueError("%s: not a text" % tag)
                found.append((wall, step, tag, tensor[8].decode()))
    return found
