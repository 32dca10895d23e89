// Pages one after another: header, levels, values; dictionaries first.
#include "runtime/data/parquet/Column.h"

#include "runtime/data/parquet/Codecs.h"
#include "runtime/data/parquet/HybridReader.h"

#include <zlib.h>

#include <bit>

namespace ftc::rt::parquet {

class ColumnReader {
public:
  ColumnReader(const ColumnChunk &chunk, const Leaf &leaf, Budget &budget)
      : chunk(chunk), leaf(leaf), budget(budget) {
    form.type = static_cast<PhysicalType>(chunk.type);
    form.typeLength = static_cast<std::size_t>(leaf.element->typeLength);
    column.maxDefinition = leaf.maxDefinition;
  }

  /// `bytes` begin with the first page.
  Status readPages(std::string_view bytes) {
    auto total = static_cast<std::uint64_t>(chunk.values);
    for (std::int64_t page = 0; column.entries < total; ++page) {
      std::optional<PageHeader> header = readPageHeader(bytes);
      Status read = header ? readPage(*header, bytes.substr(header->headerBytes))
                           : Status::error("expected a page's header, got damaged bytes");
      if (!read)
        return std::move(read).withContext("page " + std::to_string(page));
      bytes.remove_prefix(header->headerBytes +
                          static_cast<std::size_t>(header->compressedBytes));
    }
    return {};
  }

  Column take() { return std::move(column); }

private:
  Status readPage(const PageHeader &page, std::string_view bytes) {
    if (page.compressedBytes < 0 || page.uncompressedBytes < 0 ||
        static_cast<std::uint64_t>(page.compressedBytes) > bytes.size())
      return Status::error("expected a page within the column's " +
                           std::to_string(chunk.compressedBytes) + " bytes, got one of " +
                           std::to_string(page.compressedBytes));
    bytes = bytes.substr(0, static_cast<std::size_t>(page.compressedBytes));
    if (page.crc && *page.crc != crc32(0, reinterpret_cast<const Bytef *>(bytes.data()),
                                       static_cast<uInt>(bytes.size())))
      return Status::error("expected the page's checksum, got another; the file is damaged");
    switch (static_cast<PageHeader::Kind>(page.kind)) {
    case PageHeader::Kind::Data:
      return readData(page, bytes);
    case PageHeader::Kind::DataV2:
      return readDataV2(page, bytes);
    case PageHeader::Kind::Dictionary:
      return readDictionary(page, bytes);
    case PageHeader::Kind::Index:
      return {};
    }
    return Status::error("expected a data or dictionary page, got one of kind " +
                         std::to_string(page.kind));
  }

  /// The page's bytes without compression, which stay for the values that point into them.
  Status unpack(std::string_view packed, std::uint64_t size, std::string_view &out) {
    if (!budget.take(size))
      return budget.exceeded();
    if (static_cast<Codec>(chunk.codec) == Codec::Uncompressed) {
      if (packed.size() != size)
        return Status::error("expected a page of " + std::to_string(size) + " bytes, got " +
                             std::to_string(packed.size()));
      out = packed;
      return {};
    }
    FTC_ASSIGN_OR_RETURN(std::string bytes,
                         decompress(chunk.codec, packed, static_cast<std::size_t>(size)));
    out = column.pages.add(std::move(bytes));
    return {};
  }

  Status readDictionary(const PageHeader &page, std::string_view bytes) {
    if (column.dictionary.size() > 0 || column.entries > 0)
      return Status::error("expected one dictionary, before all values, got another");
    std::string_view plain;
    FTC_RETURN_IF_ERROR(
        unpack(bytes, static_cast<std::uint64_t>(page.uncompressedBytes), plain));
    if (page.values < 0 || !budget.take(16 * static_cast<std::uint64_t>(page.values)))
      return page.values < 0 ? Status::error("expected a dictionary's size, got none")
                             : budget.exceeded();
    return decodePlain(form, plain, static_cast<std::uint64_t>(page.values), column.dictionary);
  }

  /// Whether the page's entries are as many as are still to come, and may be held.
  Status checkCount(std::int64_t count) {
    auto left = static_cast<std::uint64_t>(chunk.values) - column.entries;
    if (count < 0 || static_cast<std::uint64_t>(count) > left)
      return Status::error("expected at most " + std::to_string(left) +
                           " more values in the column, got a page of " +
                           std::to_string(count));
    return budget.take(20 * static_cast<std::uint64_t>(count)) ? Status::ok()
                                                               : budget.exceeded();
  }

  static int widthOf(int most) {
    return static_cast<int>(std::bit_width(static_cast<unsigned>(most)));
  }

  static Status badLevels() {
    return Status::error("expected levels of all values, got damaged bytes");
  }

  static Status appendLevels(std::string_view bytes, std::uint64_t count, int most,
                             std::vector<std::uint16_t> &out) {
    bool over = false;
    bool whole = HybridReader(bytes, widthOf(most)).read(count, [&](std::uint32_t level) {
      over |= level > static_cast<std::uint32_t>(most);
      out.push_back(static_cast<std::uint16_t>(level));
    });
    return whole && !over ? Status::ok() : badLevels();
  }

  /// Levels of a first-version page, which say their size themselves; `bytes` loses them.
  static Status takeLevels(std::int64_t encoding, std::uint64_t count, int most,
                           std::string_view &bytes, std::vector<std::uint16_t> &out) {
    constexpr std::int64_t kRle = 3, kBitPacked = 4;
    if (most == 0)
      return {};
    if (encoding == kBitPacked) {
      // The deprecated order: most significant bit first.
      int width = widthOf(most);
      std::uint64_t size = (count * static_cast<std::uint64_t>(width) + 7) / 8;
      if (size > bytes.size())
        return badLevels();
      for (std::uint64_t i = 0; i < count; ++i) {
        unsigned level = 0;
        for (int bit = 0; bit < width; ++bit) {
          std::uint64_t at = i * static_cast<std::uint64_t>(width) + static_cast<unsigned>(bit);
          level = level << 1 | (static_cast<unsigned char>(bytes[at / 8]) >> (7 - at % 8) & 1);
        }
        if (level > static_cast<unsigned>(most))
          return badLevels();
        out.push_back(static_cast<std::uint16_t>(level));
      }
      bytes.remove_prefix(size);
      return {};
    }
    if (encoding != kRle || bytes.size() < 4)
      return badLevels();
    std::size_t size = 0;
    for (int i = 3; i >= 0; --i)
      size = size << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    bytes.remove_prefix(4);
    if (size > bytes.size())
      return badLevels();
    FTC_RETURN_IF_ERROR(appendLevels(bytes.substr(0, size), count, most, out));
    bytes.remove_prefix(size);
    return {};
  }

  Status appendValues(std::int64_t encoding, std::string_view bytes, std::uint64_t count) {
    std::uint64_t present = count;
    if (leaf.maxDefinition > 0) {
      present = 0;
      for (std::uint64_t i = column.entries; i < column.entries + count; ++i)
        present += column.definitions[i] == leaf.maxDefinition;
    }
    std::size_t before = column.values.size();
    FTC_RETURN_IF_ERROR(
        decodeValues(form, encoding, bytes, present, column.dictionary, budget, column.values));
    if (column.values.size() - before != present)
      return Status::error("expected " + std::to_string(present) + " values, got others");
    column.entries += count;
    return {};
  }

  Status readData(const PageHeader &page, std::string_view bytes) {
    FTC_RETURN_IF_ERROR(checkCount(page.values));
    auto count = static_cast<std::uint64_t>(page.values);
    std::string_view plain;
    FTC_RETURN_IF_ERROR(
        unpack(bytes, static_cast<std::uint64_t>(page.uncompressedBytes), plain));
    FTC_RETURN_IF_ERROR(takeLevels(page.repetitionEncoding, count, leaf.maxRepetition, plain,
                                   column.repetitions));
    FTC_RETURN_IF_ERROR(takeLevels(page.definitionEncoding, count, leaf.maxDefinition, plain,
                                   column.definitions));
    return appendValues(page.encoding, plain, count);
  }

  Status readDataV2(const PageHeader &page, std::string_view bytes) {
    FTC_RETURN_IF_ERROR(checkCount(page.values));
    auto count = static_cast<std::uint64_t>(page.values);
    std::int64_t levels = 0;
    for (std::int64_t size : {page.repetitionBytes, page.definitionBytes}) {
      if (size < 0 || size > page.uncompressedBytes ||
          static_cast<std::uint64_t>(size) > bytes.size())
        return badLevels();
      levels += size;
    }
    if (levels > page.uncompressedBytes || static_cast<std::uint64_t>(levels) > bytes.size())
      return badLevels();
    auto repetitionBytes = static_cast<std::size_t>(page.repetitionBytes);
    auto definitionBytes = static_cast<std::size_t>(page.definitionBytes);
    if (leaf.maxRepetition > 0)
      FTC_RETURN_IF_ERROR(appendLevels(bytes.substr(0, repetitionBytes), count,
                                       leaf.maxRepetition, column.repetitions));
    if (leaf.maxDefinition > 0)
      FTC_RETURN_IF_ERROR(appendLevels(bytes.substr(repetitionBytes, definitionBytes), count,
                                       leaf.maxDefinition, column.definitions));
    std::string_view plain = bytes.substr(static_cast<std::size_t>(levels));
    auto size = static_cast<std::uint64_t>(page.uncompressedBytes - levels);
    // A page without values may have nothing to decompress.
    if (page.compressed && !(plain.empty() && size == 0))
      FTC_RETURN_IF_ERROR(unpack(plain, size, plain));
    return appendValues(page.encoding, plain, count);
  }

  const ColumnChunk &chunk;
  const Leaf &leaf;
  Budget &budget;
  ValueForm form;
  Column column;
};

Result<Column> Column::read(std::string_view file, const Footer &footer,
                            const ColumnChunk &chunk, const Leaf &leaf, Budget &budget) {
  if (chunk.elsewhere || chunk.encrypted)
    return Status::error(chunk.encrypted ? "encrypted columns are not supported"
                                         : "columns in another file are not supported");
  if (!leaf.element->type || static_cast<std::int64_t>(*leaf.element->type) != chunk.type ||
      chunk.type < 0 || chunk.type > 7)
    return Status::error("expected the schema's type in the column's data, got another");
  if (leaf.element->typeLength < 0 || leaf.element->typeLength > (1 << 24))
    return Status::error("expected values of at most 16 MiB, got values of " +
                         std::to_string(leaf.element->typeLength) + " bytes");
  ColumnReader reader(chunk, leaf, budget);
  if (chunk.values == 0) // of no rows: its offsets say nothing
    return reader.take();
  std::int64_t begin = chunk.dataOffset;
  if (chunk.dictionaryOffset > 0 && chunk.dictionaryOffset < begin)
    begin = chunk.dictionaryOffset;
  auto end = static_cast<std::int64_t>(footer.dataEnd);
  if (begin < 4 || begin > end || chunk.compressedBytes < 0 ||
      chunk.compressedBytes > end - begin || chunk.values < 0)
    return Status::error("expected the column's " + std::to_string(chunk.compressedBytes) +
                         " bytes within the file, got them at byte " + std::to_string(begin) +
                         " of " + std::to_string(end));
  FTC_RETURN_IF_ERROR(reader.readPages(file.substr(
      static_cast<std::size_t>(begin), static_cast<std::size_t>(chunk.compressedBytes))));
  return reader.take();
}

} // namespace ftc::rt::parquet
