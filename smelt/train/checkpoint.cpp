#include "smelt/train/checkpoint.h"

#include "smelt/base/bytes.h"
#include "smelt/base/crc32c.h"
#include "smelt/base/file.h"

namespace smelt::train {
namespace {

constexpr std::string_view kMagic = "SMELTCKP";
constexpr uint32_t kVersion = 1;
constexpr size_t kSizePosition = kMagic.size() + sizeof(uint32_t);

class Writer {
 public:
  template <class T>
  void number(T value) {
    append({reinterpret_cast<const uint8_t*>(&value), sizeof(value)});
  }
  void append(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void name(const std::string& name) {
    number(static_cast<uint32_t>(name.size()));
    append(as_bytes(name));
  }
  std::vector<uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

std::string read_text(ByteReader& reader, uint64_t size, std::string_view what) {
  if (size > reader.remaining()) fail(ErrorKind::bad_file, "{} is longer than the file", what);
  const ByteView bytes = reader.take(static_cast<size_t>(size), what);
  return {bytes.begin(), bytes.end()};
}

std::string read_name(ByteReader& reader) {
  const auto size = reader.read<uint32_t>("the length of a name");
  return read_text(reader, size, "a name");
}

std::vector<float> read_values(ByteReader& reader) {
  const auto count = reader.read<uint64_t>("the number of values");
  if (count > reader.remaining() / sizeof(float)) {
    fail(ErrorKind::bad_file, "an array is longer than the file");
  }
  std::vector<float> values(static_cast<size_t>(count));
  const ByteView bytes = reader.take(values.size() * sizeof(float), "values");
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// The part between header and checksum, once both are right.
ByteView checked_content(ByteView bytes) {
  ByteReader reader(bytes);
  const bool ours =
      bytes.size() >= kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), bytes.begin());
  if (!ours) fail(ErrorKind::bad_file, "it is no checkpoint of smelt train");
  reader.take(kMagic.size(), "the signature");
  const auto version = reader.read<uint32_t>("the version");
  if (version != kVersion) {
    fail(ErrorKind::bad_file, "it has version {}, this program reads version {}", version,
         kVersion);
  }
  const auto size = reader.read<uint64_t>("the size");
  if (size != bytes.size()) {
    fail(ErrorKind::bad_file, "it is damaged: it has {} bytes and says {}", bytes.size(), size);
  }
  const size_t end = bytes.size() - sizeof(uint32_t);
  if (end < reader.position()) fail(ErrorKind::bad_file, "it is damaged: its checksum is missing");
  ByteReader tail(bytes.subspan(end));
  if (tail.read<uint32_t>("the checksum") != crc32c(bytes.first(end))) {
    fail(ErrorKind::bad_file, "it is damaged: its checksum does not fit");
  }
  return bytes.subspan(reader.position(), end - reader.position());
}

Checkpoint parse(ByteView bytes) {
  ByteReader reader(checked_content(bytes));
  Checkpoint checkpoint;
  const auto texts = reader.read<uint32_t>("the number of texts");
  for (uint32_t i = 0; i < texts; ++i) {
    const std::string name = read_name(reader);
    const auto size = reader.read<uint64_t>("the length of a text");
    checkpoint.texts[name] = read_text(reader, size, "a text");
  }
  const auto arrays = reader.read<uint32_t>("the number of arrays");
  for (uint32_t i = 0; i < arrays; ++i) {
    std::string name = read_name(reader);
    checkpoint.arrays.push_back({std::move(name), read_values(reader)});
  }
  if (reader.remaining() != 0) fail(ErrorKind::bad_file, "bytes follow its last array");
  return checkpoint;
}

}  // namespace

void save_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path) {
  Writer writer;
  writer.append(as_bytes(kMagic));
  writer.number(kVersion);
  writer.number(uint64_t{0});
  writer.number(static_cast<uint32_t>(checkpoint.texts.size()));
  for (const auto& [name, text] : checkpoint.texts) {
    writer.name(name);
    writer.number(static_cast<uint64_t>(text.size()));
    writer.append(as_bytes(text));
  }
  writer.number(static_cast<uint32_t>(checkpoint.arrays.size()));
  for (const Checkpoint::Array& array : checkpoint.arrays) {
    writer.name(array.name);
    writer.number(static_cast<uint64_t>(array.values.size()));
    writer.append(as_bytes(std::span<const float>(array.values)));
  }
  std::vector<uint8_t>& bytes = writer.bytes();
  const uint64_t size = bytes.size() + sizeof(uint32_t);
  std::memcpy(bytes.data() + kSizePosition, &size, sizeof(size));
  writer.number(crc32c(bytes));
  write_file(path, bytes);
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return with_context([&] { return "checkpoint " + path.string(); },
                      [&] { return parse(file->bytes()); });
}

StateVisitor saver(Checkpoint& checkpoint) {
  return [&checkpoint](const std::string& name, std::vector<float>& values) {
    checkpoint.arrays.push_back({name, values});
  };
}

Restorer::Restorer(const Checkpoint& checkpoint, std::string origin)
    : checkpoint_(checkpoint), origin_(std::move(origin)) {
  for (const Checkpoint::Array& array : checkpoint_.arrays) left_[array.name] = &array;
}

StateVisitor Restorer::visitor() {
  return [this](const std::string& name, std::vector<float>& values) {
    const auto found = left_.find(name);
    if (found == left_.end()) {
      fail(ErrorKind::bad_file,
           "checkpoint {} does not belong to this model and these settings: it has no {}", origin_,
           name);
    }
    const std::vector<float>& stored = found->second->values;
    if (stored.size() != values.size()) {
      fail(ErrorKind::bad_file,
           "checkpoint {} does not belong to this model and these settings: {} has {} values, "
           "expected {}",
           origin_, name, stored.size(), values.size());
    }
    values = stored;
    left_.erase(found);
  };
}

void Restorer::finish() const {
  if (left_.empty()) return;
  fail(ErrorKind::bad_file,
       "checkpoint {} does not belong to this model and these settings: nothing takes its {}",
       origin_, left_.begin()->first);
}

}  // namespace smelt::train
