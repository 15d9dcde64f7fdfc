// Prints every dataset of an HDF5 file: path, type, shape, sum and sum of squares of its values.
// tests/peers/hdf5_list.py compares that with what h5py reads.
#include <cstdio>
#include <string>

#include "smelt/formats/hdf5/hdf5.h"

namespace {

void list(const smelt::hdf5::Group& group, const std::string& prefix) {
  for (const std::string& name : group.children()) {
    const std::string path = prefix + "/" + name;
    if (!group.is_dataset(name)) {
      list(group.group(name), path);
      continue;
    }
    const smelt::hdf5::Dataset dataset = group.dataset(name);
    std::string shape;
    for (const int64_t dim : dataset.shape()) shape += std::to_string(dim) + ",";
    double sum = 0;
    double squares = 0;
    const smelt::hdf5::Floats floats = dataset.floats();
    for (const float value : floats.values) {
      sum += value;
      squares += static_cast<double>(value) * value;
    }
    std::printf("%s|%s|%s|%.17g|%.17g\n", path.c_str(), dataset.type_name().c_str(), shape.c_str(),
                sum, squares);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    for (int i = 1; i < argc; ++i) list(smelt::hdf5::File::open(argv[i]).root(), "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
