#include "smelt/data/array_dataset.h"
#include "smelt/data/npy.h"
#include "smelt/data/sources.h"

namespace smelt {

DatasetPtr open_npy_dataset(const std::filesystem::path& path) {
  ArrayDatasetParts parts;
  parts.name = path.string();
  parts.inputs.push_back(open_npy(path));
  return make_array_dataset(std::move(parts));
}

}  // namespace smelt
