// Each codec by its library, LZ4's plain blocks by hand.
#include "runtime/data/parquet/Codecs.h"

#include <brotli/decode.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <cstring>

namespace ftc::rt::parquet {

namespace {

bool unsnappy(std::string_view in, std::string &out) {
  std::size_t size = 0;
  if (snappy_uncompressed_length(in.data(), in.size(), &size) != SNAPPY_OK ||
      size != out.size())
    return false;
  return snappy_uncompress(in.data(), in.size(), out.data(), &size) == SNAPPY_OK &&
         size == out.size();
}

/// gzip or zlib, as writers differ; any number of gzip members.
bool inflateAll(std::string_view in, std::string &out) {
  z_stream stream{};
  if (inflateInit2(&stream, 32 + MAX_WBITS) != Z_OK)
    return false;
  char none = 0;
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef *>(out.empty() ? &none : out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int code = Z_OK;
  while ((code = inflate(&stream, Z_FINISH)) == Z_STREAM_END && stream.avail_in > 0)
    if (inflateReset(&stream) != Z_OK)
      break;
  bool whole = code == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole;
}

bool unzstd(std::string_view in, std::string &out) {
  std::size_t size = ZSTD_decompress(out.data(), out.size(), in.data(), in.size());
  return !ZSTD_isError(size) && size == out.size();
}

bool unbrotli(std::string_view in, std::string &out) {
  std::size_t size = out.size();
  return BrotliDecoderDecompress(in.size(), reinterpret_cast<const std::uint8_t *>(in.data()),
                                 &size, reinterpret_cast<std::uint8_t *>(out.data())) ==
             BROTLI_DECODER_RESULT_SUCCESS &&
         size == out.size();
}

/// A length of four bits, and of bytes of 255 behind it where it is full.
bool lz4Length(std::string_view in, std::size_t &at, std::size_t &length) {
  if (length != 15)
    return true;
  for (unsigned char byte = 255; byte == 255; length += byte) {
    if (at == in.size())
      return false;
    byte = static_cast<unsigned char>(in[at++]);
  }
  return true;
}

/// An LZ4 block without a frame. Source: lz4/doc/lz4_Block_format.md.
bool unlz4(std::string_view in, std::string &out) {
  std::size_t at = 0, to = 0;
  while (at < in.size()) {
    auto token = static_cast<unsigned char>(in[at++]);
    std::size_t literals = token >> 4, match = token & 15;
    if (!lz4Length(in, at, literals) || literals > in.size() - at || literals > out.size() - to)
      return false;
    std::memcpy(out.data() + to, in.data() + at, literals);
    at += literals;
    to += literals;
    if (at == in.size())
      break; // the last sequence is literals alone
    if (in.size() - at < 2)
      return false;
    std::size_t offset = static_cast<unsigned char>(in[at]) |
                         static_cast<std::size_t>(static_cast<unsigned char>(in[at + 1])) << 8;
    at += 2;
    if (!lz4Length(in, at, match) || offset == 0 || offset > to || match + 4 > out.size() - to)
      return false;
    for (match += 4; match > 0; --match, ++to) // may overlap itself
      out[to] = out[to - offset];
  }
  return to == out.size();
}

} // namespace

Result<std::string> decompress(std::int64_t codec, std::string_view compressed,
                               std::size_t bytes) {
  static constexpr std::string_view kNames[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
                                                "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};
  std::string out(bytes, '\0');
  bool whole = false;
  switch (static_cast<Codec>(codec)) {
  case Codec::Uncompressed:
    whole = compressed.size() == bytes;
    out = compressed;
    break;
  case Codec::Snappy:
    whole = unsnappy(compressed, out);
    break;
  case Codec::Gzip:
    whole = inflateAll(compressed, out);
    break;
  case Codec::Brotli:
    whole = unbrotli(compressed, out);
    break;
  case Codec::Zstd:
    whole = unzstd(compressed, out);
    break;
  case Codec::Lz4Raw:
    whole = unlz4(compressed, out);
    break;
  default:
    return Status::error(
        "the codec " +
        (codec >= 0 && codec < std::int64_t(std::size(kNames)) ? std::string(kNames[codec])
                                                               : std::to_string(codec)) +
        " is not supported; write the file with snappy, zstd, gzip, brotli, lz4_raw or none");
  }
  if (!whole)
    return Status::error("expected a page of " + std::to_string(bytes) + " bytes packed by " +
                         std::string(kNames[codec]) + ", got damaged bytes");
  return out;
}

} // namespace ftc::rt::parquet
