#include "smelt/data/array_dataset.h"
#include "smelt/data/npz.h"
#include "smelt/data/sources.h"

namespace smelt {
namespace {

/// STEM0, STEM1, ... as far as they go.
std::vector<std::string> numbered_keys(const NpzFile& file, std::string_view stem) {
  std::vector<std::string> keys;
  for (std::string key = fmt::format("{}0", stem); file.has(key);
       key = fmt::format("{}{}", stem, keys.size())) {
    keys.push_back(key);
  }
  return keys;
}

std::vector<std::string> input_keys(const NpzFile& file, const std::filesystem::path& path) {
  if (file.has("x")) return {"x"};
  for (const std::string_view stem : {"x", "in"}) {
    std::vector<std::string> keys = numbered_keys(file, stem);
    if (!keys.empty()) return keys;
  }
  if (file.keys().size() == 1) return {file.keys()[0]};
  if (file.has("x_train") || file.has("x_test")) {
    fail(ErrorKind::bad_argument, "{} holds splits; write {}:train or {}:test", path.string(),
         path.string(), path.string());
  }
  std::string known;
  for (const std::string& key : file.keys()) known += (known.empty() ? "" : ", ") + key;
  fail(ErrorKind::bad_argument, "{} has no key x (nor x0 or in0); name the key of the samples: {}",
       path.string(), known.empty() ? "it has none" : known);
}

}  // namespace

DatasetPtr open_npz_dataset(const std::filesystem::path& path, const NpzKeys& keys,
                            std::string_view split, std::vector<std::string> class_names) {
  const auto file = NpzFile::open(path);
  std::vector<std::string> x_keys;
  std::string y_key = keys.y;
  if (!split.empty()) {
    x_keys = {keys.x.empty() ? fmt::format("x_{}", split) : keys.x};
    if (y_key.empty()) y_key = fmt::format("y_{}", split);
  } else {
    x_keys = keys.x.empty() ? input_keys(*file, path) : std::vector<std::string>{keys.x};
    if (y_key.empty()) y_key = "y";
  }
  ArrayDatasetParts parts;
  parts.name = path.string();
  for (const std::string& key : x_keys) parts.inputs.push_back(file->rows(key));
  if (!keys.y.empty() || file->has(y_key)) {
    const Rows y = file->rows(y_key);
    parts.answers =
        with_context([&] { return fmt::format("while reading {}: {}", path.string(), y_key); },
                     [&] { return interpret_answers(y); });
  }
  if (!parts.answers.labels.empty()) parts.class_names = std::move(class_names);
  return make_array_dataset(std::move(parts));
}

}  // namespace smelt
