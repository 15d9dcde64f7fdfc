#pragma once

#include <string>

#include "smelt/data/dataset.h"
#include "smelt/data/preprocess.h"
#include "smelt/data/sources.h"

namespace smelt {

struct DatasetOptions {
  NpzKeys keys;
  Preprocessing preprocessing;
};

/// The same as users write it; what is empty is not asked for.
struct DatasetText {
  std::string range;      ///< "0..255", "0..1", "-1..1"
  std::string resize;     ///< "96x128" or "96"
  std::string mean, std;  ///< "0.5" or "0.485,0.456,0.406"
  int channels = 0;
  std::string x_key, y_key;
};

/// bad_argument where a text is malformed.
DatasetOptions parse_dataset_options(const DatasetText& text);

/// Opens what --data names, by content and then by name:
///   FILE.npy  FILE.npz  FILE-idx3-ubyte[.gz]  a CIFAR-10 batch (test_batch.bin, test_batch.png)
///   FOLDER with a folder of images per class
///   FOLDER:train FOLDER:test  with CIFAR-10 batches, MNIST-like IDX files, or folders of that name
///   FILE.npz:train FILE.npz:test  with the keys x_train, y_train, ...
///   cifar10:test fashion-mnist:train ...  known data sets (known_datasets.h)
/// A path that exists as it stands is never taken apart at its colon.
DatasetPtr open_dataset(const std::string& spec, const DatasetOptions& options = {});

}  // namespace smelt
