// Status and Result: how the runtime reports errors. No exceptions cross a module boundary;
// a message is one line that says what was expected, what was found, where, and what to do.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ftc::rt {

/// Exit code 1 covers every failure but Usage, which is exit code 2 (cli.md).
/// Io: the system failed, which says nothing of the content; trying again may help.
enum class Code { Ok, Usage, Failed, Io, Interrupted };

/// A success or a one-line error. Context is prepended while it travels up.
class [[nodiscard]] Status {
public:
  Status() = default;
  static Status ok() { return {}; }
  static Status error(std::string message) { return Status(Code::Failed, std::move(message)); }
  static Status io(std::string message) { return Status(Code::Io, std::move(message)); }
  static Status usage(std::string message) { return Status(Code::Usage, std::move(message)); }
  static Status interrupted(std::string message) {
    return Status(Code::Interrupted, std::move(message));
  }

  bool isOk() const { return errorCode == Code::Ok; }
  explicit operator bool() const { return isOk(); }
  Code code() const { return errorCode; }
  const std::string &message() const { return text; }

  /// Returns the same error with "context: " put before its message; success stays success.
  Status withContext(std::string_view context) && {
    if (!isOk())
      text = std::string(context) + ": " + text;
    return std::move(*this);
  }

private:
  Status(Code code, std::string message) : errorCode(code), text(std::move(message)) {}
  Code errorCode = Code::Ok;
  std::string text;
};

/// A value or an error Status.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Status status) : failure(std::move(status)) {}

  bool isOk() const { return held.has_value(); }
  explicit operator bool() const { return isOk(); }
  const Status &status() const { return failure; }
  Status takeStatus() { return std::move(failure); }
  T &operator*() { return *held; }
  const T &operator*() const { return *held; }
  T *operator->() { return &*held; }
  const T *operator->() const { return &*held; }
  T take() { return std::move(*held); }

private:
  std::optional<T> held;
  Status failure;
};

} // namespace ftc::rt

/// Returns from the enclosing function when `expr` is an error Status.
#define FTC_RETURN_IF_ERROR(expr)                                                              \
  do {                                                                                         \
    if (::ftc::rt::Status ftcStatus = (expr); !ftcStatus)                                      \
      return ftcStatus;                                                                        \
  } while (false)

#define FTC_CONCAT_INNER(a, b) a##b
#define FTC_CONCAT(a, b) FTC_CONCAT_INNER(a, b)
/// `FTC_ASSIGN_OR_RETURN(auto x, f())`: x is f()'s value, or its error is returned.
#define FTC_ASSIGN_OR_RETURN(decl, expr)                                                       \
  auto FTC_CONCAT(ftcResult, __LINE__) = (expr);                                               \
  if (!FTC_CONCAT(ftcResult, __LINE__))                                                        \
    return FTC_CONCAT(ftcResult, __LINE__).takeStatus();                                       \
  decl = FTC_CONCAT(ftcResult, __LINE__).take()
