// Values: the decoded values of a column, and the encodings that they come in.
#pragma once

#include "runtime/data/parquet/Footer.h"

#include <memory>

namespace ftc::rt::parquet {

/// What a file may take when it is expanded, so that a small one cannot ask for everything.
class Budget {
public:
  explicit Budget(std::size_t fileBytes)
      : limit(kFreeBytes + kMaxRatio * static_cast<std::uint64_t>(fileBytes)), left(limit) {}

  /// False when so much is not left.
  bool take(std::uint64_t bytes) {
    bool fits = bytes <= left;
    left -= fits ? bytes : left;
    return fits;
  }
  Status exceeded() const {
    return Status::error("expected at most " + std::to_string(limit) +
                         " bytes once decoded (1,000 times the file and 256 MiB), got more; "
                         "convert the file yourself if it is what you mean");
  }

private:
  static constexpr std::uint64_t kFreeBytes = std::uint64_t{256} << 20;
  static constexpr std::uint64_t kMaxRatio = 1000;
  std::uint64_t limit, left;
};

/// Bytes that values point into: they stay where they are, whoever owns them.
class Buffers {
public:
  std::string &add(std::string bytes) {
    held.push_back(std::make_unique<std::string>(std::move(bytes)));
    return *held.back();
  }

private:
  std::vector<std::unique_ptr<std::string>> held;
};

/// One kind alone is filled: whole numbers (booleans too), reals, or bytes, which lie in the
/// file or in `buffers`.
struct Values {
  std::vector<std::int64_t> integers;
  std::vector<double> reals;
  std::vector<std::string_view> texts;
  Buffers buffers;

  std::size_t size() const { return integers.size() + reals.size() + texts.size(); }
};

/// How a column's values lie in bytes.
struct ValueForm {
  PhysicalType type = PhysicalType::ByteArray;
  std::size_t typeLength = 0; ///< FixedLenByteArray
};

/// Appends `count` values that `bytes` hold in `encoding` (parquet.thrift's Encoding), which
/// must outlive them. Dictionary encodings take from `dictionary`. Fails on damage and on
/// encodings that are not supported.
Status decodeValues(const ValueForm &form, std::int64_t encoding, std::string_view bytes,
                    std::uint64_t count, const Values &dictionary, Budget &budget, Values &out);

/// PLAIN alone: dictionaries.
Status decodePlain(const ValueForm &form, std::string_view bytes, std::uint64_t count,
                   Values &out);

} // namespace ftc::rt::parquet
