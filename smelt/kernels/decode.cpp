#include "smelt/kernels/decode.h"

#include <algorithm>

#include "smelt/ir/lookup_table.h"
#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

constexpr size_t kHeaderBytes = 16;

ByteView bytes_of(const Operand& operand) {
  if (operand.constant == nullptr) {
    fail(ErrorKind::unsupported, "{} is computed at run time; only a constant can be decoded",
         operand.name);
  }
  const int64_t bytes = storage_bytes(operand.type, operand.shape.elements());
  return {operand.constant_as<uint8_t>(), static_cast<size_t>(bytes)};
}

/// How a result is divided into channels with numbers of their own.
struct Channels {
  int64_t count = 1;
  bool alternating = false;
};

Channels channels_of(const Operand& y) {
  const Quantization& q = *y.quantization;
  Channels channels{std::max<int64_t>(1, static_cast<int64_t>(q.scale.size())), false};
  channels.alternating = channels.count > 1 && q.axis == y.shape.rank() - 1;
  if (!q.scale.empty() && !channels.alternating && q.axis != 0) {
    fail(ErrorKind::unsupported,
         "{} is quantized along axis {}; only the first or last can be "
         "decoded",
         y.name, q.axis);
  }
  if (y.shape.elements() % channels.count != 0) {
    fail(ErrorKind::bad_file, "{} has {} elements in {} channels", y.name, y.shape.elements(),
         channels.count);
  }
  return channels;
}

std::vector<uint8_t> decode_lut(ByteView codes, ByteView description, const Operand& y) {
  const Channels channels = channels_of(y);
  return decode_lookup({.codes = codes,
                        .table = description.subspan(kHeaderBytes),
                        .bits = description[5] & 7,
                        .count = y.shape.elements(),
                        .element = element_bytes(y),
                        .channels = channels.count,
                        .stride = description[6],
                        .alternating = channels.alternating});
}

/// Every element takes a bit at least.
void require_bits(ByteView codes, const Operand& y) {
  if (y.shape.elements() <= static_cast<int64_t>(codes.size()) * 8) return;
  fail(ErrorKind::bad_file, "{} bytes of codes are too few for {} of shape {}", codes.size(),
       y.name, to_string(y.shape));
}

/// One bit per element tells whether its value is stored; others are the zero point.
std::vector<uint8_t> decode_pruned(ByteView codes, ByteView description, const Operand& y) {
  const ByteView table = description.subspan(kHeaderBytes);
  const Channels channels = channels_of(y);
  const std::vector<int64_t>& zeros = y.quantization->zero_point;
  const int64_t count = y.shape.elements();
  const auto size = static_cast<size_t>(element_bytes(y));
  if (static_cast<int64_t>(zeros.size()) > channels.count) {
    fail(ErrorKind::bad_file, "{} has {} zero points", y.name, zeros.size());
  }
  if (y.type != DataType::int8 &&
      std::any_of(zeros.begin(), zeros.end(), [](int64_t zero) { return zero != 0; })) {
    fail(ErrorKind::bad_file, "{} is pruned; its zero points must be 0", y.name);
  }
  require_bits(codes, y);
  std::vector<uint8_t> result(static_cast<size_t>(count) * size);
  BitReader bits(codes);
  size_t used = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint8_t* to = result.data() + static_cast<size_t>(i) * size;
    if (bits.take(1) != 0) {
      if (used + size > table.size()) break;
      std::memcpy(to, table.data() + used, size);
      used += size;
    } else if (y.type == DataType::int8 && !zeros.empty()) {
      const int64_t channel =
          channels.alternating ? i % channels.count : i / (count / channels.count);
      *to = static_cast<uint8_t>(zeros[zeros.size() == 1 ? 0 : static_cast<size_t>(channel)]);
    }
  }
  if (bits.position() < count || bits.beyond()) {
    fail(ErrorKind::bad_file, "the pruned values of {} are too few", y.name);
  }
  return result;
}

/// Entries of a Huffman table: a symbol with how many bits were too many, or where to go on.
template <class Entry>
class HuffmanTable {
 public:
  HuffmanTable(ByteView table, int64_t first_bits) : table_(table), first_bits_(first_bits) {}

  /// The next symbol; bad_file where the codes leave the table or make no progress.
  Entry next(BitReader& codes) const {
    int64_t bits = first_bits_;
    size_t at = codes.take(bits);
    Entry entry = read(at);
    while ((entry & kFound) == 0) {
      bits = bits_of(entry) + 1;
      const size_t onward = (entry & kValue) + size_t{codes.take(bits)};
      if (onward == 0) fail(ErrorKind::bad_file, "a Huffman table turns in circles");
      at += onward;
      entry = read(at);
    }
    if (bits > bits_of(entry)) codes.put_back(bits - bits_of(entry));
    return entry;
  }

 private:
  static constexpr int kWidth = 8 * sizeof(Entry);
  static constexpr Entry kFound = Entry{1} << (kWidth - 1);
  static constexpr Entry kValue = (Entry{1} << (kWidth - 5)) - 1;
  static int64_t bits_of(Entry entry) { return entry >> (kWidth - 5) & 15; }

  Entry read(size_t at) const {
    Entry entry = 0;
    if (at >= table_.size() / sizeof(Entry)) {
      fail(ErrorKind::bad_file, "a Huffman code leaves its table");
    }
    std::memcpy(&entry, table_.data() + at * sizeof(Entry), sizeof(Entry));
    return entry;
  }

  ByteView table_;
  int64_t first_bits_;
};

template <class Entry, class T>
std::vector<uint8_t> decode_huffman(ByteView codes, ByteView description, int64_t count) {
  const HuffmanTable<Entry> table(description.subspan(kHeaderBytes), (description[5] >> 4) + 1);
  std::vector<uint8_t> result(static_cast<size_t>(count) * sizeof(T));
  BitReader bits(codes);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const auto value = static_cast<T>(table.next(bits));
    if (bits.beyond()) fail(ErrorKind::bad_file, "the Huffman codes are too few");
    std::memcpy(result.data() + i * sizeof(T), &value, sizeof(T));
  }
  return result;
}

std::vector<uint8_t> decode_huffman(ByteView codes, ByteView description, const Operand& y) {
  require_type(y, {DataType::int8, DataType::int16});
  const bool wide = (description[5] & 1) != 0;
  const int64_t count = y.shape.elements();
  require_bits(codes, y);
  if (y.type == DataType::int16) {
    if (!wide) fail(ErrorKind::bad_file, "int16 needs a Huffman table of 32-bit entries");
    return decode_huffman<uint32_t, int16_t>(codes, description, count);
  }
  return wide ? decode_huffman<uint32_t, int8_t>(codes, description, count)
              : decode_huffman<uint16_t, int8_t>(codes, description, count);
}

std::vector<uint8_t> decode_tensor(const Operand& codes, const Operand& description,
                                   const Operand& y) {
  const ByteView head = bytes_of(description);
  if (head.size() < kHeaderBytes || head[1] != 1 || head[4] != 1) {
    fail(ErrorKind::bad_file, "{} describes no compression that is known", description.name);
  }
  switch (head[0]) {
    case 0:
      return decode_lut(bytes_of(codes), head, y);
    case 1:
      return decode_huffman(bytes_of(codes), head, y);
    case 2:
      return decode_pruned(bytes_of(codes), head, y);
    default:
      fail(ErrorKind::unsupported, "compression of kind {} is not known", head[0]);
  }
}

}  // namespace

Kernel prepare_decode(const PrepareArgs& args) {
  const size_t count = args.outputs.size();
  if (count < 1 || args.inputs.size() != 2 * count) {
    fail(ErrorKind::bad_file, "{} operands for {} results", args.inputs.size(), count);
  }
  auto decoded = std::make_shared<std::vector<std::vector<uint8_t>>>();
  for (size_t i = 0; i < count; ++i) {
    decoded->push_back(decode_tensor(args.input(2 * i), args.input(2 * i + 1), args.output(i)));
  }
  return {[values = std::shared_ptr<const std::vector<std::vector<uint8_t>>>(std::move(decoded))](
              const InvokeArgs& run) {
    for (size_t i = 0; i < values->size(); ++i) {
      const std::vector<uint8_t>& value = (*values)[i];
      if (!value.empty()) std::memcpy(run.outputs[i], value.data(), value.size());
    }
  }};
}

}  // namespace smelt
