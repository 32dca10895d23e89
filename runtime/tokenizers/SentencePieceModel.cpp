// A reader of protobuf's wire format, bounds-checked, for this one message.
#include "runtime/tokenizers/SentencePieceModel.h"
#include "runtime/support/Text.h"

#include <bit>
#include <cmath>

namespace ftc::rt {
namespace {

/// The fields of one message, one after the other.
class Fields {
public:
  Fields(std::string_view b, const std::string &n) : bytes(b), name(n) {}

  std::uint32_t number = 0; ///< of the field read last
  std::uint64_t value = 0;  ///< a varint, or the bits of a fixed-size number
  std::string_view text;    ///< a string or an inner message

  /// Reads the next field; false at the end.
  Result<bool> next() {
    if (at == bytes.size())
      return false;
    std::uint64_t key = 0;
    FTC_RETURN_IF_ERROR(varint(key));
    number = static_cast<std::uint32_t>(key >> 3);
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
      return wrong("a field number");
    wire = key & 7;
    switch (wire) {
    case 0:
      FTC_RETURN_IF_ERROR(varint(value));
      return true;
    case 1:
      return fixed(8);
    case 2: {
      std::uint64_t size = 0;
      FTC_RETURN_IF_ERROR(varint(size));
      if (size > bytes.size() - at)
        return wrong("a field that ends inside");
      text = bytes.substr(at, size);
      at += size;
      return true;
    }
    case 5:
      return fixed(4);
    default:
      return wrong("a wire type of protobuf");
    }
  }

  /// Refuses the field unless it was written as such.
  Status want(std::uint32_t type) const {
    return wire == type ? Status::ok()
                        : Status::error(name + ": expected wire type " + std::to_string(type) +
                                        " in field " + std::to_string(number) + ", got " +
                                        std::to_string(wire));
  }
  Status readText(std::string &out) const {
    FTC_RETURN_IF_ERROR(want(2));
    if (auto bad = findInvalidUtf8(text))
      return Status::error(name + ": invalid UTF-8 at byte " + std::to_string(*bad) +
                           " of field " + std::to_string(number));
    out = text;
    return Status::ok();
  }
  Status readBool(bool &out) const {
    FTC_RETURN_IF_ERROR(want(0));
    out = value != 0;
    return Status::ok();
  }
  Status readInteger(std::int64_t least, std::int64_t most, std::int64_t &out) const {
    FTC_RETURN_IF_ERROR(want(0));
    out = static_cast<std::int64_t>(value);
    if (out < least || out > most)
      return Status::error(name + ": expected a number from " + std::to_string(least) + " to " +
                           std::to_string(most) + " in field " + std::to_string(number) +
                           ", got " + std::to_string(out));
    return Status::ok();
  }

private:
  Status wrong(const char *expected) const {
    return Status::error(name + ": expected " + expected + " before byte " +
                         std::to_string(at) +
                         " of a SentencePiece message, got none; is the file whole?");
  }
  Status varint(std::uint64_t &out) {
    out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at == bytes.size())
        break;
      std::uint64_t byte = static_cast<unsigned char>(bytes[at++]);
      out |= (byte & 0x7f) << shift;
      if (byte < 0x80)
        return Status::ok();
    }
    return wrong("a varint's end");
  }
  Result<bool> fixed(std::size_t size) {
    if (size > bytes.size() - at)
      return wrong("a number that ends inside");
    value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value |= std::uint64_t(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    at += size;
    return true;
  }

  std::string_view bytes;
  const std::string &name;
  std::size_t at = 0;
  std::uint64_t wire = 0;
};

/// Calls `take(fields)` for each field of a message.
template <typename Take>
Status forEachField(std::string_view bytes, const std::string &name, Take take) {
  Fields fields(bytes, name);
  while (true) {
    FTC_ASSIGN_OR_RETURN(bool more, fields.next());
    if (!more)
      return Status::ok();
    FTC_RETURN_IF_ERROR(take(fields));
  }
}

Status readPiece(std::string_view bytes, const std::string &name,
                 SentencePieceModel::Piece &out) {
  return forEachField(bytes, name, [&](const Fields &f) -> Status {
    if (f.number == 1)
      return f.readText(out.text);
    if (f.number == 2) {
      FTC_RETURN_IF_ERROR(f.want(5));
      out.score = std::bit_cast<float>(static_cast<std::uint32_t>(f.value));
      if (!std::isfinite(out.score))
        return Status::error(name + ": expected finite scores, got one that is not");
    } else if (f.number == 3) {
      std::int64_t type = 0;
      FTC_RETURN_IF_ERROR(f.readInteger(1, 6, type));
      out.type = static_cast<SentencePieceModel::PieceType>(type);
    }
    return Status::ok();
  });
}

Status readTrainer(std::string_view bytes, const std::string &name, SentencePieceModel &out) {
  return forEachField(bytes, name, [&](const Fields &f) -> Status {
    std::int64_t number = 0;
    switch (f.number) {
    case 3:
      FTC_RETURN_IF_ERROR(f.readInteger(1, 4, number));
      out.kind = static_cast<SentencePieceModel::Kind>(number);
      return Status::ok();
    case 24:
      return f.readBool(out.whitespaceIsSuffix);
    case 35:
      return f.readBool(out.byteFallback);
    case 40:
      FTC_RETURN_IF_ERROR(f.readInteger(0, 1 << 30, number));
      out.unknownId = static_cast<std::int32_t>(number);
      return Status::ok();
    case 44:
      return f.readText(out.unknownSurface);
    default:
      return Status::ok();
    }
  });
}

Status readNormalizer(std::string_view bytes, const std::string &name,
                      SentencePieceModel &out) {
  return forEachField(bytes, name, [&](const Fields &f) -> Status {
    switch (f.number) {
    case 2:
      FTC_RETURN_IF_ERROR(f.want(2));
      out.charsmap = f.text;
      return Status::ok();
    case 3:
      return f.readBool(out.addDummyPrefix);
    case 4:
      return f.readBool(out.removeExtraWhitespaces);
    case 5:
      return f.readBool(out.escapeWhitespaces);
    default:
      return Status::ok();
    }
  });
}

} // namespace

Result<SentencePieceModel> parseSentencePieceModel(std::string_view bytes,
                                                   const std::string &name) {
  SentencePieceModel out;
  FTC_RETURN_IF_ERROR(forEachField(bytes, name, [&](const Fields &f) -> Status {
    if (f.number < 1 || f.number > 5 || f.number == 4)
      return Status::ok();
    FTC_RETURN_IF_ERROR(f.want(2));
    if (f.number == 1) {
      out.pieces.emplace_back();
      return readPiece(f.text, name, out.pieces.back());
    }
    if (f.number == 2)
      return readTrainer(f.text, name, out);
    if (f.number == 3)
      return readNormalizer(f.text, name, out);
    SentencePieceModel denormalizer;
    FTC_RETURN_IF_ERROR(readNormalizer(f.text, name, denormalizer));
    out.denormalizes = !denormalizer.charsmap.empty();
    return Status::ok();
  }));
  if (out.pieces.empty())
    return Status::error(name + ": expected a SentencePiece model with pieces, got none");
  if (std::size_t(out.unknownId) >= out.pieces.size())
    return Status::error(name + ": expected the unknown piece's id below " +
                         std::to_string(out.pieces.size()) + ", got " +
                         std::to_string(out.unknownId));
  return out;
}

} // namespace ftc::rt
