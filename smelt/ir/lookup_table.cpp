#include "smelt/ir/lookup_table.h"

#include <cstring>

namespace smelt {

std::vector<uint8_t> decode_lookup(const LookupTable& lookup) {
  if (lookup.bits < 1 || lookup.bits > 7) {
    fail(ErrorKind::bad_file, "indices of {} bits", lookup.bits);
  }
  const int64_t bits = checked_mul(lookup.count, lookup.bits, "bits of indices");
  if (static_cast<int64_t>(lookup.codes.size()) < (bits + 7) / 8) {
    fail(ErrorKind::bad_file, "{} bytes of indices are too few", lookup.codes.size());
  }
  const auto size = static_cast<size_t>(lookup.element);
  std::vector<uint8_t> result(static_cast<size_t>(lookup.count) * size);
  BitReader codes(lookup.codes);
  const int64_t run = lookup.count > 0 ? lookup.count / lookup.channels : 1;
  for (int64_t i = 0; i < lookup.count; ++i) {
    const int64_t channel = lookup.alternating ? i % lookup.channels : i / run;
    const auto at = static_cast<size_t>(channel * lookup.stride + codes.take(lookup.bits));
    if ((at + 1) * size > lookup.table.size()) {
      fail(ErrorKind::bad_file, "index {} of channel {} leaves the table of values", at, channel);
    }
    std::memcpy(result.data() + static_cast<size_t>(i) * size, lookup.table.data() + at * size,
                size);
  }
  return result;
}

}  // namespace smelt
