#include "smelt/base/error.h"

namespace smelt {

std::string_view name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_file:
      return "bad_file";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::bad_argument:
      return "bad_argument";
    case ErrorKind::io:
      return "io";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

void internal::check_failed(const char* condition, const char* file, int line) {
  fail(ErrorKind::internal, "{}:{}: '{}' does not hold; please report this with the model", file,
       line, condition);
}

}  // namespace smelt
