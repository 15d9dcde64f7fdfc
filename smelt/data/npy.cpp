#include "smelt/data/npy.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "smelt/base/file.h"
#include "smelt/data/convert.h"

namespace smelt {
namespace {

constexpr std::string_view kMagic{"\x93NUMPY", 6};
constexpr size_t kMaxHeader = size_t{1} << 20;
constexpr int kMaxRank = 64;

struct TypeName {
  std::string_view code;  ///< the dtype string without its byte order
  DataType type;
};

constexpr std::array<TypeName, 14> kTypes = {{{"f4", DataType::float32},
                                              {"f2", DataType::float16},
                                              {"f8", DataType::float64},
                                              {"i1", DataType::int8},
                                              {"u1", DataType::uint8},
                                              {"i2", DataType::int16},
                                              {"u2", DataType::uint16},
                                              {"i4", DataType::int32},
                                              {"u4", DataType::uint32},
                                              {"i8", DataType::int64},
                                              {"u8", DataType::uint64},
                                              {"c8", DataType::complex64},
                                              {"c16", DataType::complex128},
                                              {"b1", DataType::boolean}}};

/// Results may be complex; samples may not.
bool is_complex(DataType type) {
  return type == DataType::complex64 || type == DataType::complex128;
}

DataType parse_dtype(std::string_view text) {
  const std::string shown = printable(text);
  if (text.size() >= 2) {
    const char order = text[0];
    const std::string_view code = text.substr(1);
    if (code.starts_with('O')) {
      fail(ErrorKind::unsupported, "the array holds Python objects (dtype '{}'); save numbers",
           shown);
    }
    const auto* known = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& row) {
      return row.code == code && !is_complex(row.type);
    });
    if (known != kTypes.end()) {
      if (order == '>' && bit_width(known->type) > 8) {
        fail(ErrorKind::unsupported,
             "the array is big-endian (dtype '{}'); save it with .astype('<{}')", shown, code);
      }
      if (order == '<' || order == '|' || order == '=' || order == '>') return known->type;
    }
  }
  fail(ErrorKind::unsupported, "dtype '{}' is not one of f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 bool",
       shown);
}

/// Reads the header's Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}.
class DictParser {
 public:
  explicit DictParser(std::string_view text) : text_(text) {}

  void parse(NpyHeader& header) {
    bool seen_type = false, seen_order = false, seen_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = parse_string();
      expect(':');
      if (key == "descr") {
        once(seen_type, key);
        header.type = parse_type();
      } else if (key == "fortran_order") {
        once(seen_order, key);
        header.fortran_order = parse_bool();
      } else if (key == "shape") {
        once(seen_shape, key);
        header.shape = parse_shape();
      } else {
        fail(ErrorKind::bad_file, "the .npy header has an unknown key '{}'", printable(key));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (position_ != text_.size()) malformed("nothing more");
    if (!seen_type || !seen_order || !seen_shape) {
      fail(ErrorKind::bad_file, "the .npy header lacks '{}'",
           !seen_type ? "descr" : (!seen_order ? "fortran_order" : "shape"));
    }
  }

 private:
  [[noreturn]] void malformed(std::string_view wanted) const {
    fail(ErrorKind::bad_file, "the .npy header is malformed: {} expected at character {}", wanted,
         position_);
  }

  static void once(bool& seen, std::string_view key) {
    if (seen) fail(ErrorKind::bad_file, "the .npy header has '{}' twice", key);
    seen = true;
  }

  void skip_space() {
    while (position_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos) {
      ++position_;
    }
  }

  bool accept(char wanted) {
    skip_space();
    if (position_ >= text_.size() || text_[position_] != wanted) return false;
    ++position_;
    return true;
  }

  void expect(char wanted) {
    if (!accept(wanted)) malformed(fmt::format("'{}'", wanted));
  }

  bool accept_word(std::string_view word) {
    skip_space();
    if (!text_.substr(position_).starts_with(word)) return false;
    position_ += word.size();
    return true;
  }

  std::string_view parse_string() {
    const char quote = accept('\'') ? '\'' : (accept('"') ? '"' : '\0');
    if (quote == '\0') malformed("a string");
    const size_t end = text_.find(quote, position_);
    if (end == std::string_view::npos) malformed("the end of a string");
    const std::string_view value = text_.substr(position_, end - position_);
    position_ = end + 1;
    return value;
  }

  DataType parse_type() {
    if (accept('[')) {
      fail(ErrorKind::unsupported,
           "the array is structured (fields with names); save each field "
           "as an array of its own");
    }
    return parse_dtype(parse_string());
  }

  bool parse_bool() {
    if (accept_word("True")) return true;
    if (!accept_word("False")) malformed("True or False");
    return false;
  }

  int32_t parse_size() {
    skip_space();
    const size_t begin = position_;
    int64_t value = 0;
    while (position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9') {
      value = value * 10 + (text_[position_++] - '0');
      if (value > std::numeric_limits<int32_t>::max()) {
        fail(ErrorKind::unsupported, "an axis of the array is longer than 2147483647");
      }
    }
    if (position_ == begin) malformed("a size that is not negative");
    accept('L');  // Python 2 wrote long integers so
    return static_cast<int32_t>(value);
  }

  Shape parse_shape() {
    std::vector<int32_t> dims;
    expect('(');
    while (!accept(')')) {
      if (dims.size() == kMaxRank) {
        fail(ErrorKind::bad_file, "the .npy header has more than {} axes", kMaxRank);
      }
      dims.push_back(parse_size());
      if (!accept(',')) {
        expect(')');
        if (dims.size() == 1) malformed("',' after the only size");
        break;
      }
    }
    return Shape(std::move(dims));
  }

  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace

size_t npy_header_size(ByteView prefix) {
  if (prefix.size() < kNpyPrefix || std::memcmp(prefix.data(), kMagic.data(), kMagic.size()) != 0) {
    fail(ErrorKind::bad_file, "it is not a .npy array: the first bytes are not \\x93NUMPY");
  }
  const int major = prefix[6];
  ByteReader reader(prefix.subspan(8));
  size_t size = 0;
  if (major == 1) {
    size = 10 + size_t{reader.read<uint16_t>("the .npy header size")};
  } else if (major == 2 || major == 3) {
    size = 12 + size_t{reader.read<uint32_t>("the .npy header size")};
  } else {
    fail(ErrorKind::unsupported, ".npy version {}.{} is unknown; 1, 2 and 3 are read", major,
         prefix[7]);
  }
  if (size < kNpyPrefix || size > kMaxHeader) {
    fail(ErrorKind::bad_file, "the .npy header claims {} bytes; at most {} make sense", size,
         kMaxHeader);
  }
  return size;
}

NpyHeader parse_npy_header(ByteView header) {
  NpyHeader parsed;
  parsed.size = npy_header_size(header.first(std::min(header.size(), kNpyPrefix)));
  if (header.size() < parsed.size) {
    fail(ErrorKind::bad_file, "ends inside the .npy header ({} of {} bytes)", header.size(),
         parsed.size);
  }
  const size_t begin = header[6] == 1 ? 10 : 12;
  DictParser({reinterpret_cast<const char*>(header.data()) + begin, parsed.size - begin})
      .parse(parsed);
  parsed.data_bytes();  // refuses shapes whose size overflows
  return parsed;
}

Array from_fortran_order(const NpyHeader& header, ByteView data) {
  const auto width = static_cast<size_t>(bit_width(header.type)) / 8;
  const int rank = header.shape.rank();
  SMELT_CHECK(data.size() == header.data_bytes());
  std::span<uint8_t> into;
  Array array{header.type, header.shape, allocate_buffer(data.size(), into)};
  std::vector<size_t> stride(static_cast<size_t>(rank)), index(static_cast<size_t>(rank));
  size_t next = width;
  for (size_t axis = 0; axis < stride.size(); ++axis) {
    stride[axis] = next;
    next *= static_cast<size_t>(header.shape[static_cast<int>(axis)]);
  }
  size_t from = 0;
  for (size_t to = 0; to < into.size(); to += width) {
    std::memcpy(into.data() + to, data.data() + from, width);
    for (int axis = rank - 1; axis >= 0; --axis) {
      const auto a = static_cast<size_t>(axis);
      from += stride[a];
      if (++index[a] < static_cast<size_t>(header.shape[axis])) break;
      from -= stride[a] * index[a];
      index[a] = 0;
    }
  }
  return array;
}

Rows open_npy(const std::filesystem::path& path) {
  const auto file = RandomAccessFile::open(path);
  return with_context([&] { return fmt::format("while reading {}", path.string()); },
                      [&] {
                        std::vector<uint8_t> bytes(std::min<uint64_t>(kNpyPrefix, file->size()));
                        file->read_at(0, bytes, "the .npy header");
                        bytes.resize(npy_header_size(bytes));
                        file->read_at(0, bytes, "the .npy header");
                        const NpyHeader header = parse_npy_header(bytes);
                        const Rows rows(file, header.size, header.type, header.shape);
                        if (!header.fortran_order) return rows;
                        return Rows(from_fortran_order(header, rows.read_all().data.bytes()));
                      });
}

Array read_npy(const std::filesystem::path& path) { return open_npy(path).read_all(); }

std::string make_npy_header(DataType type, const Shape& shape) {
  const auto* known = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const TypeName& row) { return row.type == type; });
  if (known == kTypes.end()) {
    fail(ErrorKind::unsupported, "NumPy has no type for {}", name(type));
  }
  std::string sizes;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    sizes += fmt::format("{}{}", axis > 0 ? ", " : "", shape[axis]);
  }
  if (shape.rank() == 1) sizes += ",";
  std::string text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                 bit_width(type) == 8 ? '|' : '<', known->code, sizes);
  constexpr size_t kFixed = 10;
  text.append((64 - (kFixed + text.size() + 1) % 64) % 64, ' ');
  text += '\n';
  SMELT_CHECK(text.size() <= std::numeric_limits<uint16_t>::max());
  std::string header(kMagic);
  header +=
      {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

void write_npy(const std::filesystem::path& path, const Array& array) {
  SMELT_CHECK(static_cast<uint64_t>(storage_bytes(array.type, array.shape.elements())) ==
              array.data.size());
  AtomicFile file(path);
  file.write(as_bytes(make_npy_header(array.type, array.shape)));
  file.write(array.data.bytes());
  file.commit();
}

}  // namespace smelt
