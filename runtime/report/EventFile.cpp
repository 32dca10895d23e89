// Field numbers are those of TensorFlow's event.proto, summary.proto, tensor.proto and
// tensor_shape.proto; fields that hold their default are written all the same, which readers
// take.
#include "runtime/report/EventFile.h"

#include "runtime/support/Crc32c.h"
#include "runtime/support/FileSystem.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <unistd.h>

namespace ftc::rt {

namespace {

/// A protobuf message as it is put together.
class Message {
public:
  Message &varint(unsigned field, std::uint64_t value) {
    key(field, 0);
    raw(value);
    return *this;
  }
  Message &real(unsigned field, double value) {
    key(field, 1);
    fixed(value);
    return *this;
  }
  Message &single(unsigned field, float value) {
    key(field, 5);
    fixed(value);
    return *this;
  }
  Message &bytes(unsigned field, std::string_view value) {
    key(field, 2);
    raw(value.size());
    out.append(value);
    return *this;
  }
  Message &message(unsigned field, const Message &value) { return bytes(field, value.out); }
  const std::string &text() const { return out; }

private:
  void key(unsigned field, unsigned wireType) { raw(field << 3 | wireType); }
  void raw(std::uint64_t value) {
    for (; value > 0x7F; value >>= 7)
      out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  }
  /// Little-endian, as the machines are that ftrt runs on.
  template <typename T> void fixed(T value) {
    char buffer[sizeof value];
    std::memcpy(buffer, &value, sizeof value);
    out.append(buffer, sizeof value);
  }
  std::string out;
};

/// An Event's wall_time and step.
Message event(std::int64_t step) {
  std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return std::move(Message().real(1, now.count()).varint(2, static_cast<std::uint64_t>(step)));
}

Message scalarValue(std::string_view tag, double value) {
  constexpr double kMost = std::numeric_limits<float>::max();
  float held = std::abs(value) > kMost ? std::copysign(std::numeric_limits<float>::infinity(),
                                                       static_cast<float>(value > 0 ? 1 : -1))
                                       : static_cast<float>(value);
  return std::move(Message().bytes(1, tag).single(2, held));
}

/// A tensor of one string, with the metadata of the plugin that shows texts.
Message textValue(std::string_view tag, std::string_view text) {
  constexpr std::uint64_t kString = 7; // DT_STRING
  Message shape = std::move(Message().message(2, Message().varint(1, 1)));
  Message tensor = std::move(Message().varint(1, kString).message(2, shape).bytes(8, text));
  Message metadata = std::move(Message().message(1, Message().bytes(1, "text")));
  return std::move(Message()
                       .bytes(1, std::string(tag) + "/text_summary")
                       .message(8, tensor)
                       .message(9, metadata));
}

std::string littleEndian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string maskedCrc(std::string_view data) {
  std::uint32_t crc = crc32c(data);
  return littleEndian(((crc >> 15) | (crc << 17)) + 0xa282ead8u, 4);
}

std::string hostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0)
    return "localhost";
  std::string host = name;
  for (char &c : host)
    if (c == '/' || static_cast<unsigned char>(c) <= ' ')
      c = '_';
  return host.empty() ? "localhost" : host.substr(0, 64);
}

} // namespace

std::string frameRecord(std::string_view data) {
  std::string length = littleEndian(data.size(), 8);
  return length + maskedCrc(length) + std::string(data) + maskedCrc(data);
}

std::string eventTag(std::string_view name) {
  for (std::string_view prefix : {"eval_", "test_"})
    if (name.starts_with(prefix))
      return std::string(prefix.substr(0, 4)) + "/" + std::string(name.substr(prefix.size()));
  return "train/" + std::string(name);
}

Result<EventFile> EventFile::create(const std::string &directory, std::int64_t step) {
  FTC_RETURN_IF_ERROR(makeDirectories(directory));
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  char stamp[32];
  std::snprintf(stamp, sizeof stamp, "%010lld", static_cast<long long>(seconds.count()));
  std::string stem = std::string("events.out.tfevents.") + stamp + "." + hostName() + "." +
                     std::to_string(getpid()) + ".";
  int number = 0;
  while (pathKind(joinPath(directory, stem + std::to_string(number))) != PathKind::Missing)
    ++number;
  FTC_ASSIGN_OR_RETURN(AppendFile made,
                       AppendFile::create(joinPath(directory, stem + std::to_string(number))));
  EventFile events(std::move(made));
  constexpr std::uint64_t kStart = 1; // SessionLog::START
  Message version = event(0), session = event(step);
  version.bytes(3, "brain.Event:2");
  session.message(7, Message().varint(1, kStart));
  FTC_RETURN_IF_ERROR(
      events.file.write(frameRecord(version.text()) + frameRecord(session.text())));
  return events;
}

Status EventFile::addEntry(const OrderedJson &entry) {
  std::int64_t step = entry.contains("step") && entry["step"].is_number_integer()
                          ? entry["step"].get<std::int64_t>()
                          : 0;
  std::string records;
  for (const auto &[name, value] : entry.items()) {
    Message record = event(step);
    if (name == "step" || !(value.is_number() || value.is_string()))
      continue;
    record.message(
        5, Message().message(1, value.is_number()
                                    ? scalarValue(eventTag(name), value.get<double>())
                                    : textValue(eventTag(name), value.get<std::string>())));
    records += frameRecord(record.text());
  }
  return file.write(records);
}

Status EventFile::addText(std::string_view tag, std::string_view text, std::int64_t step) {
  Message record = event(step);
  record.message(5, Message().message(1, textValue(tag, text)));
  return file.write(frameRecord(record.text()));
}

} // namespace ftc::rt
