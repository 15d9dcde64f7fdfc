#include "smelt/data/known_datasets.h"

#include <algorithm>
#include <cstdlib>

#include "smelt/base/error.h"
#include "smelt/data/random_access_file.h"
#include "smelt/data/sources.h"

namespace smelt {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

}  // namespace

std::vector<std::string> known_datasets() { return {"cifar10", "fashion-mnist"}; }

bool is_known_dataset(std::string_view name) {
  const auto known = known_datasets();
  return std::find(known.begin(), known.end(), name) != known.end();
}

fs::path cache_folder() {
  if (const std::string own = environment("SMELT_CACHE"); !own.empty()) return own;
  if (const std::string xdg = environment("XDG_CACHE_HOME"); !xdg.empty()) {
    return fs::path(xdg) / "smelt";
  }
  if (const std::string home = environment("HOME"); !home.empty()) {
    return fs::path(home) / ".cache" / "smelt";
  }
  return {};
}

std::vector<fs::path> places_of(std::string_view name) {
  std::vector<fs::path> places;
  const fs::path cache = cache_folder();
  if (!cache.empty()) places.push_back(cache / name);
  // Where Debian's package dataset-fashion-mnist puts its files.
  if (name == "fashion-mnist") places.emplace_back("/usr/share/datasets/fashion-mnist");
  return places;
}

DatasetPtr open_known_in(std::string_view name, std::string_view split, const fs::path& folder) {
  SMELT_CHECK(is_known_dataset(name));
  if (name == "cifar10") {
    const fs::path fetched = folder / fmt::format("{}.npz", split);
    if (path_exists(fetched)) return open_npz_dataset(fetched, {}, {}, cifar10_class_names());
    // Also as the archives of the official form and of the package unpack.
    for (const fs::path& place : {folder, folder / "cifar-10-batches-bin", folder / "package"}) {
      if (DatasetPtr found = open_cifar_folder(place, split)) return found;
    }
    return nullptr;
  }
  const fs::path images = find_idx_split(folder, split);
  if (images.empty()) return nullptr;
  return open_idx_dataset(images, {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal",
                                   "Shirt", "Sneaker", "Bag", "Ankle boot"});
}

DatasetPtr open_known_dataset(std::string_view name, std::string_view split) {
  if (split != "train" && split != "test") {
    fail(ErrorKind::bad_argument, "{0} has no part '{1}'; write {0}:train or {0}:test", name,
         split);
  }
  for (const fs::path& place : places_of(name)) {
    if (DatasetPtr found = open_known_in(name, split, place)) return found;
  }
  fail(ErrorKind::io, "{0} is not on this machine; run: smelt data fetch {0}", name);
}

}  // namespace smelt
