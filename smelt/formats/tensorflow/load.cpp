#include "smelt/base/file.h"
#include "smelt/formats/tensorflow/import.h"

namespace smelt::tensorflow {

Model load_frozen(ByteView bytes, const LoadOptions& options) {
  const auto graph = parse<proto::GraphDef>(bytes, "the graph");
  if (graph.node().empty()) fail(ErrorKind::bad_file, "the graph has no nodes");
  Model model = import_graph(graph, guess_entry(graph), {}, options);
  model.source = {.format = "tensorflow_graph", .file_bytes = static_cast<int64_t>(bytes.size())};
  return model;
}

Model load_frozen(const std::filesystem::path& path, const LoadOptions& options) {
  return with_context([&] { return "while reading " + path.string(); },
                      [&] {
                        const auto file = MappedFile::open(path);
                        Model model = load_frozen(file->bytes(), options);
                        model.source.path = path.string();
                        return model;
                      });
}

/// A GraphDef begins with a node (field 1, of length n), and a node with its name (field 1).
bool is_graph_def(ByteView bytes) {
  if (bytes.size() < 4 || bytes[0] != 0x0a) return false;
  size_t at = 1;
  while (at < bytes.size() && at < 6 && (bytes[at] & 0x80) != 0) ++at;
  return at + 1 < bytes.size() && bytes[at + 1] == 0x0a;
}

}  // namespace smelt::tensorflow
