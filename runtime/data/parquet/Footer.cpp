// Thrift structs become plain ones; what nobody reads is skipped.
#include "runtime/data/parquet/Footer.h"

#include "runtime/data/parquet/Thrift.h"
#include "runtime/support/Text.h"

#include <cstring>

namespace ftc::rt::parquet {

namespace {

constexpr std::string_view kMagic = "PAR1", kEncryptedMagic = "PARE";

/// parquet.thrift's ConvertedType, which old writers give instead of a LogicalType.
void takeConvertedType(std::int64_t converted, SchemaElement &element) {
  static constexpr Meaning kMeanings[] = {
      Meaning::Text,     Meaning::Map,       Meaning::Map,       Meaning::List,
      Meaning::Text,     Meaning::Decimal,   Meaning::Date,      Meaning::Time,
      Meaning::Time,     Meaning::Timestamp, Meaning::Timestamp, Meaning::Unsigned,
      Meaning::Unsigned, Meaning::Unsigned,  Meaning::Unsigned,  Meaning::None,
      Meaning::None,     Meaning::None,      Meaning::None,      Meaning::Text,
      Meaning::Unknown,  Meaning::Unknown};
  if (converted < 0 || converted >= std::int64_t(std::size(kMeanings)))
    return;
  element.meaning = kMeanings[converted];
  element.timeDigits = converted == 8 || converted == 10 ? 6 : 3;
  element.utc = element.meaning == Meaning::Timestamp;
}

/// {isAdjustedToUTC, unit} of TimeType and TimestampType.
void readTime(ThriftReader &reader, SchemaElement &element) {
  element.utc = false;
  reader.structure([&](int id, ThriftType type) {
    if (id == 1)
      element.utc = reader.boolean(type);
    else if (id == 2 && type == ThriftType::Struct)
      reader.structure([&](int unit, ThriftType field) {
        element.timeDigits = unit >= 1 && unit <= 3 ? 3 * unit : 3;
        reader.skip(field);
      });
    else
      reader.skip(type);
  });
}

/// The union LogicalType: the field that is there says which.
void readLogicalType(ThriftReader &reader, SchemaElement &element) {
  reader.structure([&](int id, ThriftType type) {
    static constexpr Meaning kMeanings[] = {
        Meaning::Unknown, Meaning::Text, Meaning::Map,  Meaning::List,      Meaning::Text,
        Meaning::Decimal, Meaning::Date, Meaning::Time, Meaning::Timestamp, Meaning::Unknown,
        Meaning::None,    Meaning::Null, Meaning::Text};
    element.meaning =
        id >= 0 && id < int(std::size(kMeanings)) ? kMeanings[id] : Meaning::Unknown;
    if (type != ThriftType::Struct)
      return reader.skip(type);
    if (id == 7 || id == 8)
      return readTime(reader, element);
    reader.structure([&](int field, ThriftType fieldType) {
      if (id == 5 && field == 1)
        element.scale = reader.integer(fieldType);
      else if (id == 10 && field == 2)
        element.meaning = reader.boolean(fieldType) ? Meaning::None : Meaning::Unsigned;
      else
        reader.skip(fieldType);
    });
  });
}

SchemaElement readElement(ThriftReader &reader) {
  SchemaElement element;
  bool logical = false;
  reader.structure([&](int id, ThriftType type) {
    std::int64_t value = 0;
    switch (id) {
    case 1:
      value = reader.integer(type);
      // An unknown type is told with its column, when that is read.
      element.type = static_cast<PhysicalType>(value < 0 || value > 7 ? 99 : value);
      return;
    case 2:
      element.typeLength = reader.integer(type);
      return;
    case 3:
      value = reader.integer(type);
      element.repetition = static_cast<Repetition>(value < 0 || value > 2 ? 0 : value);
      return;
    case 4:
      element.name = reader.binary(type);
      return;
    case 5:
      element.children = reader.integer(type);
      return;
    case 6:
      value = reader.integer(type);
      if (!logical)
        takeConvertedType(value, element);
      return;
    case 7:
      value = reader.integer(type);
      element.scale = value;
      return;
    case 10:
      if (type != ThriftType::Struct)
        return reader.skip(type);
      logical = true;
      return readLogicalType(reader, element);
    default:
      reader.skip(type);
    }
  });
  return element;
}

void readColumnMetaData(ThriftReader &reader, ColumnChunk &chunk) {
  reader.structure([&](int id, ThriftType type) {
    switch (id) {
    case 1:
      chunk.type = reader.integer(type);
      return;
    case 4:
      chunk.codec = reader.integer(type);
      return;
    case 5:
      chunk.values = reader.integer(type);
      return;
    case 7:
      chunk.compressedBytes = reader.integer(type);
      return;
    case 9:
      chunk.dataOffset = reader.integer(type);
      return;
    case 11:
      chunk.dictionaryOffset = reader.integer(type);
      return;
    default:
      reader.skip(type);
    }
  });
}

RowGroup readRowGroup(ThriftReader &reader) {
  RowGroup group;
  reader.structure([&](int id, ThriftType type) {
    if (id == 3) {
      group.rows = reader.integer(type);
    } else if (id == 1) {
      reader.list(type, [&](ThriftType item) {
        if (item != ThriftType::Struct)
          return reader.skip(item);
        ColumnChunk &chunk = group.columns.emplace_back();
        reader.structure([&](int field, ThriftType fieldType) {
          if (field == 3 && fieldType == ThriftType::Struct)
            return readColumnMetaData(reader, chunk);
          chunk.elsewhere |= field == 1 && fieldType == ThriftType::Binary;
          chunk.encrypted |= field == 8;
          reader.skip(fieldType);
        });
      });
    } else {
      reader.skip(type);
    }
  });
  return group;
}

void readKeyValue(ThriftReader &reader, Footer &footer) {
  std::string_view key, value;
  reader.structure([&](int id, ThriftType type) {
    if (id == 1)
      key = reader.binary(type);
    else if (id == 2)
      value = reader.binary(type);
    else
      reader.skip(type);
  });
  if (key == "huggingface")
    footer.huggingface = value;
}

std::uint32_t readSize(std::string_view bytes) {
  std::uint32_t size = 0;
  for (int i = 3; i >= 0; --i)
    size = size << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return size;
}

} // namespace

Result<Footer> readFooter(std::string_view path, std::string_view file) {
  std::string shown = escape(path, 160) + ": ";
  if (file.size() < 12 || !file.starts_with(kMagic))
    return Status::error(shown + (file.starts_with(kEncryptedMagic)
                                      ? "expected Parquet, got an encrypted file, which is not "
                                        "supported; write it without encryption"
                                      : "expected a Parquet file, which begins with PAR1, got "
                                        "another; name it after its format"));
  if (file.ends_with(kEncryptedMagic))
    return Status::error(shown + "expected Parquet, got an encrypted footer, which is not "
                                 "supported; write it without encryption");
  if (!file.ends_with(kMagic))
    return Status::error(shown +
                         "expected a Parquet file that ends with PAR1, got another end: "
                         "it is truncated");
  std::uint32_t size = readSize(file.substr(file.size() - 8));
  if (size > file.size() - 12)
    return Status::error(shown + "expected a footer within the file's " +
                         std::to_string(file.size()) + " bytes, got one of " +
                         std::to_string(size) + "; the file is damaged");
  Footer footer;
  footer.dataEnd = file.size() - 8 - size;
  ThriftReader reader(file.substr(footer.dataEnd, size));
  bool encrypted = false;
  reader.structure([&](int id, ThriftType type) {
    if (id == 3)
      footer.rows = reader.integer(type);
    else if (id == 2)
      reader.list(type, [&](ThriftType item) {
        item == ThriftType::Struct ? footer.schema.push_back(readElement(reader))
                                   : reader.skip(item);
      });
    else if (id == 4)
      reader.list(type, [&](ThriftType item) {
        item == ThriftType::Struct ? footer.rowGroups.push_back(readRowGroup(reader))
                                   : reader.skip(item);
      });
    else if (id == 5)
      reader.list(type, [&](ThriftType item) {
        item == ThriftType::Struct ? readKeyValue(reader, footer) : reader.skip(item);
      });
    else {
      encrypted |= id == 8;
      reader.skip(type);
    }
  });
  if (reader.failed())
    return Status::error(shown + "expected Parquet's footer, got damaged bytes behind byte " +
                         std::to_string(footer.dataEnd + reader.position()));
  if (encrypted)
    return Status::error(shown + "expected Parquet, got encrypted columns, which are not "
                                 "supported; write it without encryption");
  return footer;
}

std::optional<PageHeader> readPageHeader(std::string_view bytes) {
  ThriftReader reader(bytes);
  PageHeader page;
  auto data = [&](int id, ThriftType type) {
    switch (id) {
    case 1:
      page.values = reader.integer(type);
      return;
    case 2:
      page.encoding = reader.integer(type);
      return;
    case 3:
      page.definitionEncoding = reader.integer(type);
      return;
    case 4:
      page.repetitionEncoding = reader.integer(type);
      return;
    default:
      reader.skip(type);
    }
  };
  auto dictionary = [&](int id, ThriftType type) {
    if (id == 1)
      page.values = reader.integer(type);
    else if (id == 2)
      page.encoding = reader.integer(type);
    else
      reader.skip(type);
  };
  auto second = [&](int id, ThriftType type) {
    std::int64_t *fields[] = {nullptr,
                              &page.values,
                              nullptr,
                              &page.rows,
                              &page.encoding,
                              &page.definitionBytes,
                              &page.repetitionBytes};
    if (id == 7)
      page.compressed = reader.boolean(type);
    else if (id >= 1 && id <= 6 && fields[id])
      *fields[id] = reader.integer(type);
    else
      reader.skip(type);
  };
  reader.structure([&](int id, ThriftType type) {
    bool group = type == ThriftType::Struct;
    if (id == 1)
      page.kind = reader.integer(type);
    else if (id == 2)
      page.uncompressedBytes = reader.integer(type);
    else if (id == 3)
      page.compressedBytes = reader.integer(type);
    else if (id == 4)
      page.crc = static_cast<std::uint32_t>(reader.integer(type));
    else if (id == 5 && group)
      reader.structure(data);
    else if (id == 7 && group)
      reader.structure(dictionary);
    else if (id == 8 && group)
      reader.structure(second);
    else
      reader.skip(type);
  });
  if (reader.failed())
    return std::nullopt;
  page.headerBytes = reader.position();
  return page;
}

} // namespace ftc::rt::parquet
