#pragma once

#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

namespace smelt::zip::test {

inline void put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

inline std::string deflated(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// An archive of (name, content) pairs. `claim` is added to every size that the directory states.
inline std::string make_zip(const std::vector<std::pair<std::string, std::string>>& members,
                            bool compress = false, uint32_t claim = 0) {
  std::string out, directory;
  for (const auto& [name, content] : members) {
    const std::string packed = compress ? deflated(content) : content;
    const auto crc = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(content.data()),
                                                 static_cast<uInt>(content.size())));
    const auto fields = [&](std::string& to, uint32_t more) {
      put(to, 20, 2);  // version
      put(to, 0, 2);   // flags
      put(to, compress ? 8 : 0, 2);
      put(to, 0, 4);  // time
      put(to, crc, 4);
      put(to, packed.size(), 4);
      put(to, content.size() + more, 4);
      put(to, name.size(), 2);
      put(to, 0, 2);  // extra
    };
    put(directory, 0x02014b50, 4);
    put(directory, 20, 2);
    fields(directory, claim);
    put(directory, 0, 2);  // comment
    put(directory, 0, 8);  // disk, attributes
    put(directory, out.size(), 4);
    directory += name;
    put(out, 0x04034b50, 4);
    fields(out, 0);
    out += name + packed;
  }
  const size_t offset = out.size();
  out += directory;
  put(out, 0x06054b50, 4);
  put(out, 0, 4);
  put(out, members.size(), 2);
  put(out, members.size(), 2);
  put(out, directory.size(), 4);
  put(out, offset, 4);
  put(out, 0, 2);
  return out;
}

}  // namespace smelt::zip::test
