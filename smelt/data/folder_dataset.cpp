#include <algorithm>

#include "smelt/data/array_dataset.h"
#include "smelt/data/convert.h"
#include "smelt/data/image.h"
#include "smelt/data/sources.h"

namespace smelt {
namespace {

namespace fs = std::filesystem;

struct Entry {
  int32_t label;
  std::string file;  ///< name in the class folder
};

bool is_image_name(const fs::path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return suffix == ".png" || suffix == ".jpg" || suffix == ".jpeg";
}

std::vector<std::string> sorted_names(const fs::path& folder, bool folders) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) fail(ErrorKind::io, "cannot list {}: {}", folder.string(), error.message());
  std::vector<std::string> names;
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path path = entries->path();
    std::error_code ignored;
    if (path.filename().string().starts_with('.')) continue;
    const bool wanted = folders ? entries->is_directory(ignored)
                                : is_image_name(path) && entries->is_regular_file(ignored);
    if (wanted) names.push_back(path.filename().string());
  }
  if (error) fail(ErrorKind::io, "cannot list {}: {}", folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

class FolderDataset : public Dataset {
 public:
  FolderDataset(fs::path folder, std::vector<std::string> classes, std::vector<Entry> entries)
      : folder_(std::move(folder)), classes_(std::move(classes)), entries_(std::move(entries)) {
    shape_ = shape_of(read_image(path(0)));
  }

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }

  Shape input_shape(int input) const override {
    SMELT_CHECK(input == 0);
    return shape_;
  }

  bool holds_pixels(int) const override { return true; }

  void read(int64_t sample, int input, std::span<float> into) const override {
    SMELT_CHECK(input == 0);
    const Image image = read_image(path(sample));
    if (shape_of(image) != shape_) {
      fail(ErrorKind::bad_argument,
           "{} is {}, but the first image is {}; ask for one size (--resize HxW){}",
           path(sample).string(), to_string(shape_of(image)), to_string(shape_),
           image.channels != shape_[2] ? " and number of channels (--channels 1 or 3)" : "");
    }
    to_float(DataType::uint8, image.pixels, into);
  }

  Shape load(int64_t sample, int input, std::vector<float>& values) const override {
    SMELT_CHECK(input == 0);
    const Image image = read_image(path(sample));
    values.resize(image.pixels.size());
    to_float(DataType::uint8, image.pixels, values);
    return shape_of(image);
  }

  bool has_labels() const override { return true; }
  int32_t label(int64_t sample) const override { return entry(sample).label; }
  int32_t class_count() const override { return static_cast<int32_t>(classes_.size()); }
  std::vector<std::string> class_names() const override { return classes_; }

  std::string description() const override {
    return fmt::format("{}: {}", folder_.string(), describe_samples(*this, DataType::uint8));
  }

 private:
  static Shape shape_of(const Image& image) { return {image.height, image.width, image.channels}; }

  const Entry& entry(int64_t sample) const {
    SMELT_CHECK(sample >= 0 && sample < size());
    return entries_[static_cast<size_t>(sample)];
  }

  fs::path path(int64_t sample) const {
    const Entry& one = entry(sample);
    return folder_ / classes_[static_cast<size_t>(one.label)] / one.file;
  }

  fs::path folder_;
  std::vector<std::string> classes_;
  std::vector<Entry> entries_;
  Shape shape_;
};

}  // namespace

DatasetPtr open_image_folder(const fs::path& folder) {
  std::vector<std::string> classes = sorted_names(folder, true);
  std::vector<Entry> entries;
  for (size_t label = 0; label < classes.size(); ++label) {
    for (std::string& file : sorted_names(folder / classes[label], false)) {
      entries.push_back({static_cast<int32_t>(label), std::move(file)});
    }
  }
  if (entries.empty()) return nullptr;
  return std::make_shared<FolderDataset>(folder, std::move(classes), std::move(entries));
}

}  // namespace smelt
