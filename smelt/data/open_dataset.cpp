#include "smelt/data/open_dataset.h"

#include <array>

#include "smelt/base/error.h"
#include "smelt/data/known_datasets.h"
#include "smelt/data/random_access_file.h"

namespace smelt {
namespace {

namespace fs = std::filesystem;

enum class FileKind { npy, npz, idx, gzip, png, cifar_batch, unknown };

FileKind kind_of(const fs::path& path) {
  const auto file = RandomAccessFile::open(path);
  std::array<uint8_t, 6> start{};
  file->read_at(0, std::span(start).first(std::min<size_t>(start.size(), file->size())), "it");
  const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  if (text.starts_with("\x93NUMPY")) return FileKind::npy;
  if (text.starts_with("PK")) return FileKind::npz;
  if (text.starts_with("\x1f\x8b")) return FileKind::gzip;
  if (text.starts_with("\x89PNG")) return FileKind::png;
  // A CIFAR batch has no magic number, and its first record may look like the IDX one.
  constexpr uint64_t kCifarRecord = 3073;
  if (path.extension() == ".bin" && file->size() > 0 && file->size() % kCifarRecord == 0) {
    return FileKind::cifar_batch;
  }
  if (start[0] == 0 && start[1] == 0 && start[2] >= 8 && start[2] <= 14 && file->size() >= 4) {
    return FileKind::idx;
  }
  return FileKind::unknown;
}

DatasetPtr open_file(const fs::path& path, const DatasetOptions& options, std::string_view split) {
  const FileKind kind = kind_of(path);
  if (!split.empty() && kind != FileKind::npz) {
    fail(ErrorKind::bad_argument, "{} is one file without a part '{}'; leave ':{}' away",
         path.string(), split, split);
  }
  switch (kind) {
    case FileKind::npy:
      return open_npy_dataset(path);
    case FileKind::npz:
      return open_npz_dataset(path, options.keys, split);
    case FileKind::idx:
    case FileKind::gzip:
      return open_idx_dataset(path);
    case FileKind::cifar_batch:
      return open_cifar_binary({path}, path.string());
    case FileKind::png:
      fail(ErrorKind::bad_argument,
           "{} is one image; give a folder with a folder of images per class, or the folder of "
           "CIFAR-10 batches with :train or :test",
           path.string());
    case FileKind::unknown:
      break;
  }
  const std::string suffix = path.extension().string();
  if (suffix == ".npy" || suffix == ".npz" || suffix.starts_with(".idx")) {
    fail(ErrorKind::bad_file, "{} is damaged: it does not begin as a {} file does", path.string(),
         suffix.substr(1));
  }
  fail(ErrorKind::unsupported,
       "{} is no data set that Smelt reads; it reads .npy, .npz, IDX, CIFAR-10 batches and folders "
       "of PNG or JPEG images",
       path.string());
}

DatasetPtr open_split(const fs::path& folder, std::string_view split) {
  if (DatasetPtr found = open_cifar_folder(folder, split)) return found;
  const fs::path images = find_idx_split(folder, split);
  if (!images.empty()) return open_idx_dataset(images);
  const fs::path inner = folder / split;
  return is_folder(inner) ? open_image_folder(inner) : nullptr;
}

DatasetPtr open_folder(const fs::path& folder, std::string_view split) {
  if (!split.empty()) {
    if (DatasetPtr found = open_split(folder, split)) return found;
    fail(ErrorKind::bad_argument,
         "{} has no part '{}': neither CIFAR-10 batches, nor IDX files, nor a folder of that name "
         "with a folder of images per class",
         folder.string(), split);
  }
  if (DatasetPtr found = open_image_folder(folder)) return found;
  for (const std::string_view part : {"train", "test"}) {
    if (open_split(folder, part) != nullptr) {
      fail(ErrorKind::bad_argument, "{} holds parts; write {}:train or {}:test", folder.string(),
           folder.string(), folder.string());
    }
  }
  fail(ErrorKind::bad_argument,
       "{} holds no data set: neither a folder of PNG or JPEG images per class, nor CIFAR-10 "
       "batches, nor IDX files",
       folder.string());
}

DatasetPtr open_path(const fs::path& path, const DatasetOptions& options, std::string_view split) {
  return is_folder(path) ? open_folder(path, split) : open_file(path, options, split);
}

DatasetPtr open_source(const std::string& spec, const DatasetOptions& options) {
  if (path_exists(spec)) return open_path(spec, options, {});
  const size_t colon = spec.rfind(':');
  const std::string path = spec.substr(0, colon);
  if (colon != std::string::npos) {
    const std::string_view split = std::string_view(spec).substr(colon + 1);
    if (is_known_dataset(path)) return open_known_dataset(path, split);
    if (path_exists(path)) return open_path(path, options, split);
  } else if (is_known_dataset(spec)) {
    fail(ErrorKind::bad_argument, "{0} has two parts; write {0}:train or {0}:test", spec);
  }
  std::string known;
  for (const std::string& name : known_datasets()) known += (known.empty() ? "" : ", ") + name;
  fail(ErrorKind::io, "there is no file or folder {}, nor a data set of that name (known: {})",
       path, known);
}

}  // namespace

DatasetOptions parse_dataset_options(const DatasetText& text) {
  DatasetOptions options;
  options.keys = {.x = text.x_key, .y = text.y_key};
  Preprocessing& steps = options.preprocessing;
  steps.channels = text.channels;
  if (!text.resize.empty()) steps.resize = parse_image_size(text.resize);
  if (!text.range.empty()) steps.range = parse_value_range(text.range);
  if (!text.mean.empty()) steps.mean = parse_float_list(text.mean);
  if (!text.std.empty()) steps.std = parse_float_list(text.std);
  return options;
}

DatasetPtr open_dataset(const std::string& spec, const DatasetOptions& options) {
  if (spec.empty()) fail(ErrorKind::bad_argument, "the name of the data is empty");
  return preprocess(open_source(spec, options), options.preprocessing);
}

}  // namespace smelt
