#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace smelt {

/// Who has to act when something fails.
enum class ErrorKind {
  bad_file,      ///< the bytes of a file are malformed
  unsupported,   ///< the file is well-formed, but holds what Smelt cannot do
  bad_argument,  ///< a flag or a value passed by the caller is wrong
  io,            ///< the operating system refused: missing file, full disk, no permission
  internal,      ///< a bug in Smelt; never reachable from a file or a flag
};

std::string_view name(ErrorKind kind);

/// The one exception type of the library. Context is added on the way up, outermost first:
/// "while reading kws.tflite: op 17 CONV_2D: stride is 0".
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  const char* what() const noexcept override { return message_.c_str(); }

  /// Puts "context: " in front of the message.
  void add_context(std::string_view context) { message_.insert(0, fmt::format("{}: ", context)); }

 private:
  ErrorKind kind_;
  std::string message_;
};

template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

/// Runs `body`; an Error that leaves it gets the text that `context()` returns put in front.
template <class Context, class Body>
decltype(auto) with_context(Context&& context, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& error) {
    error.add_context(context());
    throw;
  }
}

namespace internal {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace internal

/// States an invariant of our own code. A violation is a bug of Smelt (ErrorKind::internal).
#define SMELT_CHECK(condition) \
  ((condition) ? (void)0 : ::smelt::internal::check_failed(#condition, __FILE__, __LINE__))

}  // namespace smelt
