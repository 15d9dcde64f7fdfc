#include "smelt/base/bytes.h"

namespace smelt {

int64_t checked_mul(int64_t a, int64_t b, std::string_view what) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) {
    fail(ErrorKind::bad_file, "{} is out of range ({} x {})", what, a, b);
  }
  return product;
}

ByteView ByteReader::take(size_t count, std::string_view what) {
  if (count > remaining()) {
    fail(ErrorKind::bad_file, "ends inside {}: {} bytes wanted at offset {}, {} left", what, count,
         position_, remaining());
  }
  ByteView view = bytes_.subspan(position_, count);
  position_ += count;
  return view;
}

uint32_t ByteReader::read_u32_be(std::string_view what) {
  ByteView b = take(4, what);
  return uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | uint32_t{b[3]};
}

}  // namespace smelt
